"""`train`: curated reviews in, a model's folder out.

Read from top to bottom: rows, n-grams, heads, nets, rule, topics, baseline, golden set, seal.
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
from reviews.clean import TEXT_RULES
from training import dataset, family, plain
from training.artefact import Parts, seal, write_parts
from training.balance import row_weights
from training.config import BALANCES, Balance, ModelConfig, Space
from training.dataset import Rows
from training.decision import Rule, candidates, choose
from training.errors import TrainingError
from training.family import Examples, Fitted
from training.golden import write_golden
from training.metrics import HEADLINE, headline
from training.model import StarModel
from training.progress import Progress
from training.topics import fit_projection
from training.views import FOUR
from training.vocabulary import Vocabulary, build

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
    with threadpool_limits(limits=1):  # one core, and the same sums on every machine like it
        rows = dataset.read(data)
        training, hold_out = split(rows, config)
        progress.say(
            f"{len(rows):,} reviews: {len(training):,} to learn from, {len(hold_out):,} held out"
        )
        vocabulary = build(training, _spaces(config), config.views.edge_tokens)
        progress.say(f"vocabulary: {len(vocabulary.ngrams):,} n-grams")
        learned = _learn(vocabulary, training, config, config.balance, progress)
        figures = dict(learned.figures)
        if compare_balance:
            figures["balance"] = _compare(vocabulary, training, config, learned, progress)
        parts = _parts(vocabulary, learned.fitted, config)
        progress.say("topics")
        model = _write(
            out,
            parts,
            learned.rule,
            figures,
            (rows, training, hold_out),
            config,
            dict(provenance or {}),
            progress,
        )
    progress.finish(f"model {model.version} in {out}")
    return model


def split(rows: Rows, config: ModelConfig) -> tuple[Rows, Rows]:
    """Rows to learn from, and the hold-out (whatever its language).

    Raises TrainingError where one of them is too small, or has too little in it.
    """
    hold_out = rows.take(rows.held_out)
    training = rows.take(~rows.held_out & rows.in_languages(config.languages))
    if len(training) < config.least_rows:
        languages = ", ".join(f"{code} {n}" for code, n in _languages(rows).items())
        raise TrainingError(
            f"too few rows: {len(training)} to learn from in {', '.join(config.languages)} and "
            f"und, at least {config.least_rows} are needed (all rows by language: {languages})"
        )
    if len(hold_out) < 2:
        raise TrainingError(f"too few rows: the hold-out has {len(hold_out)}")
    if len(np.unique(training.rating)) < 2:
        raise TrainingError(f"one class: every row has {training.rating[0]} stars")
    folds = training.folds(config.folds)
    for fold in range(config.folds):
        if len(np.unique(training.rating[folds != fold])) < 2:
            raise TrainingError(f"too few users: without fold {fold} one class is left")
    return training, hold_out


def _spaces(config: ModelConfig) -> dict[str, Space]:
    if config.family == "plain":
        return {plain.VIEW: config.plain.space}
    return {view: getattr(config.views.spaces, view) for view in FOUR}


def _learn(
    vocabulary: Vocabulary,
    training: Rows,
    config: ModelConfig,
    balance: Balance,
    progress: Progress,
) -> Learned:
    examples = Examples(
        training.rating,
        training.folds(config.folds),
        row_weights(training.rating, training.review_key, balance),
    )
    fit = plain.fit if config.family == "plain" else family.fit
    fitted = fit(vocabulary, examples, config, progress)
    rules = candidates(config.rules, training.rating)
    rule = choose(rules, training.rating, fitted.probabilities, config.accuracy_slack)
    figures = _figures(rules, rule, examples, fitted)
    mean = figures["mean"]
    progress.say(
        f"folds, rule {rule.label}: accuracy {mean['accuracy']:.4f}, macro-F1 "
        f"{mean['macro_f1']:.4f}, MAE {mean['mae']:.4f}, QWK {mean['qwk']:.4f}"
    )
    return Learned(fitted, rule, figures)


def _figures(rules: list[Rule], rule: Rule, examples: Examples, fitted: Fitted) -> dict[str, Any]:
    """Out-of-fold figures: of each fold by the chosen rule, and of each rule over all folds."""

    def measure(chosen: Rule, rows: Any) -> dict[str, float]:
        p = fitted.probabilities[rows]
        found = headline(examples.ratings[rows], chosen.decide(p), p)
        return {name: found[name] for name in REPORTED}

    folds = []
    for fold in np.unique(examples.folds).tolist():
        rows = np.flatnonzero(examples.folds == fold)
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
    vocabulary: Vocabulary,
    training: Rows,
    config: ModelConfig,
    learned: Learned,
    progress: Progress,
) -> list[dict[str, Any]]:
    """The same family under every way of balancing, judged on all rows, out of fold."""
    table = []
    for balance in BALANCES:
        weights = row_weights(training.rating, training.review_key, balance)
        if balance == config.balance:
            found = learned
        else:
            progress.say(f"balance {balance}, for comparison")
            found = _learn(vocabulary, training, config, balance, progress)
        rows = int((weights > 0).sum())
        entry = {"balance": balance, "rows": rows, "rule": found.rule.label}
        table.append({**entry, **found.figures["mean"]})
    return table


def _parts(vocabulary: Vocabulary, fitted: Fitted, config: ModelConfig) -> Parts:
    main = next(iter(vocabulary.chosen))
    projection = fit_projection(
        vocabulary.matrices[main], vocabulary.chosen[main], config.topics, config.seed
    )
    return Parts(
        vocabulary.ngrams, 0, fitted.heads, fitted.stack, projection, config.views.edge_tokens
    )


def _write(
    out: Path,
    parts: Parts,
    rule: Rule,
    figures: Mapping[str, Any],
    rows: tuple[Rows, Rows, Rows],
    config: ModelConfig,
    provenance: Mapping[str, str],
    progress: Progress,
) -> StarModel:
    everything, training, hold_out = rows
    write_parts(out, parts)
    about = _about(parts, rule, everything, training, hold_out, config, provenance)
    model = StarModel(parts, rule, about)
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
    parts: Parts,
    rule: Rule,
    everything: Rows,
    training: Rows,
    hold_out: Rows,
    config: ModelConfig,
    provenance: Mapping[str, str],
) -> dict[str, Any]:
    """model.json, but for the digests."""
    return {
        "family": config.family,
        "languages": config.languages,
        "rule": rule,
        "text_rules": TEXT_RULES,
        "views": tuple(parts.heads),
        "edge_tokens": parts.edge_tokens,
        "slots": parts.slots,
        "ngrams": len(parts.ngrams),
        "nets": len(parts.stack.nets) if parts.stack else 0,
        "clip": parts.stack.clip if parts.stack else 0.0,
        "rows": {
            "read": len(everything),
            "training": len(training),
            "hold_out": len(hold_out),
            "training_by_star": np.bincount(training.rating, minlength=6)[1:6].tolist(),
            "languages": _languages(everything),
        },
        "provenance": dict(sorted(provenance.items())),
        "configuration": msgspec.to_builtins(config),
    }


def _languages(rows: Rows) -> dict[str, int]:
    codes, counts = np.unique(rows.language, return_counts=True)
    return {str(code): int(n) for code, n in zip(codes, counts, strict=True)}
