"""`train`: curated reviews in, a model's folder out.

Read from top to bottom: rows, n-grams, heads, nets, rule, topics, baseline, golden set, seal.
Rows, n-grams, heads and nets come from `training.fit.in_memory`, in memory or from a stream.
The hold-out is never fitted to; the baseline and the golden set are made from it. The same rows
and seed give the same bytes, whatever the files they came in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from monitoring.baseline import Baseline
from reviews import language
from reviews.clean import TEXT_RULES
from training.config import BALANCES, Balance, ModelConfig
from training.data import dataset
from training.data.dataset import Rows
from training.evaluation.metrics import HEADLINE, headline
from training.features.tokens import IntArray
from training.fit.golden import write_golden
from training.fit.in_memory import Material, gathered
from training.fit.ordinal import Fitted
from training.model.artefact import Parts, seal, write_parts
from training.model.decision import Rule, candidates, choose
from training.model.star_model import StarModel
from training.progress import Progress

REPORTED = (*HEADLINE, "majority", "ece", "log_loss")


@dataclass(frozen=True)
class Learned:
    """What one way of balancing came to: the fit, the rule chosen, and its figures."""

    fitted: Fitted
    rule: Rule
    figures: dict[str, Any]


def train(
    data: Path,
    out: Path,
    config: ModelConfig,
    *,
    provenance: Mapping[str, str] | None = None,
    compare_balance: bool = False,
    progress: Progress | None = None,
) -> StarModel:
    """Make a model from the Parquet files below `data`, and write it to `out`.

    Raises TrainingError for rows that no model can come of.
    """
    progress = progress or Progress()
    detector = dataset.detector(data)
    language.find_detector(detector)  # the golden set will ask it
    with (
        threadpool_limits(limits=1),  # one core, and the same sums on every machine like it
        gathered(data, config, progress) as material,
    ):
        learned = _learn(material, config, config.balance, progress)
        figures = dict(learned.figures)
        if compare_balance:
            figures["balance"] = _compare(material, config, learned, progress)
        parts = material.parts(learned.fitted)
        progress.say("topics")
        about = _about(material, parts, learned.rule, config, detector, provenance or {})
        model = _write(out, parts, about, figures, material.hold_out, config, progress)
    progress.finish(f"model {model.version} in {out}")
    return model


def _learn(
    material: Material, config: ModelConfig, balance: Balance, progress: Progress
) -> Learned:
    fitted = material.fit(balance)
    sample = material.sample
    rules = candidates(config.rules, sample.rating)
    rule = choose(rules, sample.rating, fitted.probabilities, config.accuracy_slack)
    figures = _figures(rules, rule, sample.rating, sample.folds(config.folds), fitted)
    mean = figures["mean"]
    progress.say(
        f"folds, rule {rule.label}: accuracy {mean['accuracy']:.4f}, macro-F1 "
        f"{mean['macro_f1']:.4f}, MAE {mean['mae']:.4f}, QWK {mean['qwk']:.4f}"
    )
    return Learned(fitted, rule, figures)


def _figures(
    rules: list[Rule], rule: Rule, ratings: IntArray, fold_of: IntArray, fitted: Fitted
) -> dict[str, Any]:
    """Out-of-fold figures: of each fold by the chosen rule, and of each rule over all folds."""

    def measure(chosen: Rule, rows: Any) -> dict[str, float]:
        p = fitted.probabilities[rows]
        found = headline(ratings[rows], chosen.decide(p), p)
        return {name: found[name] for name in REPORTED}

    folds = []
    for fold in np.unique(fold_of).tolist():
        rows = np.flatnonzero(fold_of == fold)
        folds.append({"fold": fold, "rows": len(rows), **measure(rule, rows)})
    columns = {name: [fold[name] for fold in folds] for name in REPORTED}
    return {
        "rule": rule.label,
        "folds": folds,
        "mean": {name: float(np.mean(values)) for name, values in columns.items()},
        "spread": {name: float(np.std(values, ddof=1)) for name, values in columns.items()}
        if len(folds) > 1
        else {},
        "rules": [{"rule": r.label, **measure(r, slice(None))} for r in rules],
    }


def _compare(
    material: Material, config: ModelConfig, learned: Learned, progress: Progress
) -> list[dict[str, Any]]:
    """The same family under every way of balancing, judged on all rows, out of fold."""
    table = []
    for balance in BALANCES:
        if balance == config.balance:
            found = learned
        else:
            progress.say(f"balance {balance}, for comparison")
            found = _learn(material, config, balance, progress)
        rows = int((material.weigh(balance) > 0).sum())
        entry = {"balance": balance, "rows": rows, "rule": found.rule.label}
        table.append({**entry, **found.figures["mean"]})
    return table


def _write(
    out: Path,
    parts: Parts,
    about: dict[str, Any],
    figures: Mapping[str, Any],
    hold_out: Rows,
    config: ModelConfig,
    progress: Progress,
) -> StarModel:
    write_parts(out, parts)
    model = StarModel(parts, about["rule"], about)
    _, observations = model.observe(
        hold_out.title, hold_out.text, languages=hold_out.language.tolist(), markup=hold_out.markup
    )
    Baseline.from_observations(observations, config.languages).save(out / "baseline")
    questions = write_golden(out / "golden.jsonl", model, hold_out, config.artefact.golden_rows)
    progress.say(f"baseline of {len(hold_out):,} rows, {questions} golden questions")
    text = msgspec.json.format(msgspec.json.encode(figures), indent=1)
    (out / "training.json").write_bytes(text + b"\n")
    seal(out, about, config.artefact.max_megabytes)
    return StarModel.load(out)  # what was written is what will be read


def _about(
    material: Material,
    parts: Parts,
    rule: Rule,
    config: ModelConfig,
    detector: str,
    provenance: Mapping[str, str],
) -> dict[str, Any]:
    """model.json, but for the digests."""
    return {
        "family": config.family,
        "form": material.form,
        "languages": config.languages,
        "detector": detector,
        "rule": rule,
        "text_rules": TEXT_RULES,
        "views": tuple(parts.heads),
        "edge_tokens": parts.edge_tokens,
        "slots": parts.slots,
        "ngrams": len(parts.ngrams),
        "nets": len(parts.stack.nets) if parts.stack else 0,
        "clip": parts.stack.clip if parts.stack else 0.0,
        "rows": material.census.told(),
        "provenance": dict(sorted(provenance.items())),
        "configuration": msgspec.to_builtins(config),
    }
