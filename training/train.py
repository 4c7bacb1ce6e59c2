"""`train`: curated reviews in, a model's folder out.

Read from top to bottom: rows, vocabulary, classifiers, nets, decision rule, projection, baseline,
golden set, manifest. The hold-out is never fitted to; the baseline and the golden set are made
from it. The same rows and seed give the same bytes, whatever the files they came in.
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
from reviews.golden import GOLDEN_FILE
from training.config import BALANCES, Balance, ModelConfig
from training.data import dataset
from training.data.dataset import Rows
from training.evaluation.metrics import HEADLINE, headline
from training.features.tokens import FloatArray
from training.fit.choose_mode import load_training_set
from training.fit.choose_rule import candidates, choose
from training.fit.golden import write_golden
from training.fit.stacking import fit_nets
from training.fit.training_set import FittedClassifiers, TrainingSet
from training.model.artefact import ModelParts, write_manifest, write_parts
from training.model.decision import DecisionRule
from training.model.scorer import Classifiers, Float32Array, Stack, softmax
from training.model.star_model import StarModel
from training.progress import TrainingProgress

REPORTED = (*HEADLINE, "majority", "ece", "log_loss")


@dataclass(frozen=True)
class Fit:
    """What was fitted to the training set under one way of balancing, and how good it is.

    metrics: out of fold, what training.json holds.
    """

    classifiers: dict[str, Classifiers]
    nets: Stack | None
    verified_weights: Float32Array | None
    decision_rule: DecisionRule
    metrics: dict[str, Any]


def train(
    data: Path,
    out: Path,
    config: ModelConfig,
    *,
    provenance: Mapping[str, str] | None = None,
    compare_balance: bool = False,
    progress: TrainingProgress | None = None,
) -> StarModel:
    """Make a model from the Parquet files below `data`, and write it to `out`.

    Raises TrainingError for rows that no model can come of.
    """
    progress = progress or TrainingProgress()
    detector = dataset.detector(data)
    language.find_detector(detector)  # the golden set will ask it
    with (
        # Sums that BLAS splits among threads differ in their last bits from machine to machine;
        # on these sizes more threads cost more than they bring.
        threadpool_limits(limits=1),
        load_training_set(data, config, progress) as training_set,  # rows and vocabulary
    ):
        left_out = _views_left_out(training_set, progress)
        fit = _fit(training_set, config, config.balance, progress)
        metrics = {**fit.metrics, **left_out}
        if compare_balance:
            metrics["balance"] = _compare_balances(training_set, config, fit, progress)
        progress.log("projection")
        projection = training_set.fit_projection()
        parts = training_set.parts(fit.classifiers, fit.nets, projection, fit.verified_weights)
        write_parts(out, parts)
        about = _describe(training_set, parts, fit.decision_rule, detector, provenance or {})
        model = StarModel(parts, fit.decision_rule, about)
        _write_baseline_and_golden(out, model, training_set.hold_out, config, progress)
        _write_json(out / "training.json", metrics)
        write_manifest(out, about, config.artefact.max_megabytes)
    model = StarModel.load(out)  # what was written is what will be read
    progress.finish(f"model {model.version} in {out}")
    return model


def _views_left_out(training_set: TrainingSet, progress: TrainingProgress) -> dict[str, Any]:
    """What training.json says of views without n-grams; nothing where there are none."""
    left_out = training_set.views_left_out
    if not left_out:
        return {}
    progress.log(f"left out, for no n-gram occurs often enough: {', '.join(left_out)}")
    return {"views_left_out": left_out}


def _fit(
    training_set: TrainingSet, config: ModelConfig, balance: Balance, progress: TrainingProgress
) -> Fit:
    fitted = training_set.fit(balance)
    nets, probabilities = fit_out_of_fold(fitted, training_set, config, balance)
    ratings = training_set.sample.rating
    rules = candidates(config.decision_rules, ratings)
    rule = choose(rules, ratings, probabilities, config.accuracy_slack)
    metrics = _out_of_fold_metrics(training_set.sample, config.folds, rules, rule, probabilities)
    mean = metrics["mean"]
    progress.log(
        f"out of fold, decision rule {rule.label}: accuracy {mean['accuracy']:.4f}, macro-F1 "
        f"{mean['macro_f1']:.4f}, MAE {mean['mae']:.4f}, QWK {mean['qwk']:.4f}"
    )
    return Fit(fitted.by_view, nets, fitted.verified_weights, rule, metrics)


def fit_out_of_fold(
    fitted: FittedClassifiers, training_set: TrainingSet, config: ModelConfig, balance: Balance
) -> tuple[Stack | None, FloatArray]:
    """The nets, if the family has any, and (n, 5) out-of-fold probabilities of the sample.

    They are in the order of its rows.
    """
    if config.family == "plain":
        return None, softmax(fitted.scores)
    return fit_nets(fitted, training_set.examples(balance), config.stacking, config.seed)


def _out_of_fold_metrics(
    sample: Rows,
    fold_count: int,
    rules: list[DecisionRule],
    chosen: DecisionRule,
    probabilities: FloatArray,
) -> dict[str, Any]:
    """Metrics of each fold by the chosen rule, and of each rule over all folds."""

    def measure(rule: DecisionRule, rows: Any) -> dict[str, float]:
        p = probabilities[rows]
        found = headline(sample.rating[rows], rule.decide(p), p)
        return {name: found[name] for name in REPORTED}

    fold_of = sample.folds(fold_count)
    folds = []
    for fold in np.unique(fold_of).tolist():
        rows = np.flatnonzero(fold_of == fold)
        folds.append({"fold": fold, "rows": len(rows), **measure(chosen, rows)})
    columns = {name: [fold[name] for fold in folds] for name in REPORTED}
    return {
        "decision_rule": chosen.label,
        "folds": folds,
        "mean": {name: float(np.mean(values)) for name, values in columns.items()},
        "spread": {name: float(np.std(values, ddof=1)) for name, values in columns.items()}
        if len(folds) > 1
        else {},
        "decision_rules": [
            {"decision_rule": rule.label, **measure(rule, slice(None))} for rule in rules
        ],
    }


def _compare_balances(
    training_set: TrainingSet, config: ModelConfig, configured: Fit, progress: TrainingProgress
) -> list[dict[str, Any]]:
    """The same family under every way of balancing, judged on all rows, out of fold."""
    table = []
    for balance in BALANCES:
        if balance == config.balance:
            fit = configured
        else:
            progress.log(f"balance {balance}, for comparison")
            fit = _fit(training_set, config, balance, progress)
        rows = int((training_set.weigh(balance) > 0).sum())
        entry = {"balance": balance, "rows": rows, "decision_rule": fit.decision_rule.label}
        table.append({**entry, **fit.metrics["mean"]})
    return table


def _write_baseline_and_golden(
    out: Path, model: StarModel, hold_out: Rows, config: ModelConfig, progress: TrainingProgress
) -> None:
    _write_baseline(out / "baseline", model, hold_out, config)
    questions = write_golden(out / GOLDEN_FILE, model, hold_out, config.artefact.golden_rows)
    progress.log(f"baseline of {len(hold_out):,} rows, {questions} golden rows")


def _write_baseline(folder: Path, model: StarModel, hold_out: Rows, config: ModelConfig) -> None:
    judged = model.observe(
        hold_out.title,
        hold_out.text,
        languages=hold_out.language.tolist(),
        markup=hold_out.markup,
        verified=hold_out.verified_purchase,
    )
    Baseline.from_observations(judged.observations, config.languages).save(folder)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def _describe(
    training_set: TrainingSet,
    parts: ModelParts,
    rule: DecisionRule,
    detector: str,
    provenance: Mapping[str, str],
) -> dict[str, Any]:
    """model.json, but for versions and digests."""
    config = training_set.config
    return {
        "family": config.family,
        "mode": training_set.mode,
        "languages": config.languages,
        "detector": detector,
        "decision_rule": rule,
        "text_rules": TEXT_RULES,
        "views": training_set.views,
        "views_left_out": training_set.views_left_out,
        "edge_tokens": parts.edge_tokens,
        "hash_bits": parts.hash_bits,
        "ngrams": len(parts.ngrams),
        "nets": len(parts.stack.nets) if parts.stack else 0,
        "clip": parts.stack.clip if parts.stack else 0.0,
        "reads_verified": parts.reads_verified,
        "rows": training_set.row_counts.to_dict(),
        "provenance": dict(sorted(provenance.items())),
        "configuration": msgspec.to_builtins(config),
    }
