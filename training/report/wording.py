"""How report, cards and tracking say the same thing: names of metrics, scope, origin, settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from training.evaluation.evaluation import Evaluation
from training.evaluation.metrics import HEADLINE
from training.evaluation.slices import PAIR

METRIC_NAMES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "mae": "Mean error",
    "qwk": "QWK",
    "within_one": "Within one",
    "ece": "Calibration error",
    "binary_accuracy": "Good or bad",
    "log_loss": "Log loss",
}
ORIGIN = ("family", "mode", "format", "text_rules", "token_rules", "detector", "languages")
SHOWN_LANGUAGES = 6
SLICE_NAMES = {"length": "", "verified_purchase": "verified: ", "language": "language "}


def describe_slice(grouping: str, value: str) -> str:
    """Who is in a slice, or in two at once."""
    parts = zip(grouping.split(PAIR), value.split(PAIR), strict=True)
    return ", ".join(f"{SLICE_NAMES.get(name, name)}{part}" for name, part in parts)


def describe_scope(evaluation: Evaluation) -> str:
    """Whose reviews were judged, and of how many they were drawn."""
    users = "every bucket" if evaluation.scope == "all rows" else "users that no fit saw"
    drawn = evaluation.drawn_from
    return f"{users}, drawn at random from {drawn:,}" if drawn else users


def fold_metrics(training: Mapping[str, Any]) -> list[dict[str, float]]:
    """The headline metrics of each fold of the cross-validation. training: training.json."""
    return [{name: fold[name] for name in HEADLINE} for fold in training["folds"]]


def describe_origin(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What model.json says of itself, a line for each thing."""
    lines = {name: _format(manifest[name]) for name in ORIGIN}
    lines |= _describe_rows(manifest["rows"])
    if left_out := manifest["views_left_out"]:
        lines["left out, for want of words"] = _format(left_out)
    lines["decision rule"] = _format(manifest["decision_rule"])
    return lines | {name: _format(value) for name, value in manifest["provenance"].items()}


def _describe_rows(rows: Mapping[str, Any]) -> dict[str, str]:
    """Rows that train read, in three lines; of languages the commonest."""
    lines = {}
    totals = {name: rows[name] for name in ("read", "training", "hold_out") if name in rows}
    if totals:
        lines["rows"] = ", ".join(f"{n.replace('_', '-')} {v:,}" for n, v in totals.items())
    if by_star := rows.get("training_by_star"):
        lines["training rows by star"] = ", ".join(
            f"{star}: {count:,}" for star, count in enumerate(by_star, 1)
        )
    if languages := rows.get("languages"):
        common = sorted(languages, key=lambda code: (-languages[code], code))
        lines["rows by language"] = ", ".join(
            f"{code} {languages[code]:,}" for code in common[:SHOWN_LANGUAGES]
        ) + (f", {len(common) - SHOWN_LANGUAGES} more" if len(common) > SHOWN_LANGUAGES else "")
    return lines


def _format(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_format(v)}" for k, v in value.items() if v not in ((), [], None))
    if isinstance(value, list | tuple):
        return ", ".join(_format(item) for item in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def flatten(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted names; lists of plain values stay one value."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from flatten(value, f"{name}.{key}" if name else str(key))
    elif isinstance(content, list | tuple) and any(isinstance(item, Mapping) for item in content):
        for place, item in enumerate(content):
            yield from flatten(item, f"{name}.{place}")
    elif isinstance(content, list | tuple):
        yield name, ", ".join(map(str, content))
    else:
        yield name, content
