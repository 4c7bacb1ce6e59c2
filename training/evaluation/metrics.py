"""How good stars are: every figure that evaluation.json, the gate and the folds speak of.

Stars are integers 1 to 5, probabilities are (n, 5), one star first. Every figure
is defined for any rows, also for one row or one class: where it has no meaning it is 0.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.evaluation.evaluation import CalibrationBin, Coverage, Metrics

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.floating[Any]]

CLASSES = 5
ECE_BINS = 15  # equal widths over 0 to 1, as in Guo et al. (2017)
HEADLINE = ("accuracy", "macro_f1", "mae", "qwk", "within_one")
LOWER_IS_BETTER = frozenset({"mae", "ece", "log_loss"})
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)

SQUARES = (np.subtract.outer(np.arange(CLASSES), np.arange(CLASSES)) ** 2).astype(np.float64)
DISTANCES = np.abs(np.subtract.outer(np.arange(CLASSES), np.arange(CLASSES))).astype(np.float64)


def confusion(truth: IntArray, stars: IntArray) -> NDArray[np.int64]:
    """(5, 5) counts: row is the true star less one, column the predicted star less one."""
    cells = (np.asarray(truth, np.int64) - 1) * CLASSES + (np.asarray(stars, np.int64) - 1)
    return np.bincount(cells, minlength=CLASSES * CLASSES).reshape(CLASSES, CLASSES)


def accuracy(table: NDArray[np.int64]) -> float:
    """Share of rows whose stars are exactly right (0 to 1)."""
    return _ratio(np.trace(table), table.sum())


def majority(table: NDArray[np.int64]) -> float:
    """Accuracy of always answering the commonest true star: what any model must beat."""
    return _ratio(table.sum(axis=1).max(initial=0), table.sum())


def mae(table: NDArray[np.int64]) -> float:
    """Mean distance between true and predicted stars (0 to 4)."""
    return _ratio((table * DISTANCES).sum(), table.sum())


def constant_mae(table: NDArray[np.int64]) -> float:
    """The least mean distance that one answer to all rows can have (0 to 4)."""
    return min(
        _ratio((table.sum(axis=1) * DISTANCES[k]).sum(), table.sum()) for k in range(CLASSES)
    )


def within_one(table: NDArray[np.int64]) -> float:
    """Share of rows at most one star off (0 to 1)."""
    return _ratio(table[DISTANCES <= 1].sum(), table.sum())


def qwk(table: NDArray[np.int64]) -> float:
    """Cohen's kappa with quadratic weights: 1 is agreement, 0 is chance (Cohen, 1968)."""
    total = table.sum()
    if total == 0:
        return 0.0
    chance = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    expected = (SQUARES * chance).sum()
    return float(1.0 - (SQUARES * table).sum() / expected) if expected > 0 else 0.0


def precision_recall_f1(table: NDArray[np.int64]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Three (5,) arrays; a class that was never predicted, or never true, has 0."""
    hits = np.diag(table).astype(np.float64)
    predicted, true = table.sum(axis=0), table.sum(axis=1)
    precision = np.divide(hits, predicted, out=np.zeros(CLASSES), where=predicted > 0)
    recall = np.divide(hits, true, out=np.zeros(CLASSES), where=true > 0)
    both = predicted + true
    f1 = np.divide(2 * hits, both, out=np.zeros(CLASSES), where=both > 0)
    return precision, recall, f1


def macro_f1(table: NDArray[np.int64]) -> float:
    """Mean F1 of the classes that occur, as truth or as prediction."""
    occurs = (table.sum(axis=0) + table.sum(axis=1)) > 0
    f1 = precision_recall_f1(table)[2]
    return float(f1[occurs].mean()) if occurs.any() else 0.0


def per_class(table: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """By true star, "1" to "5": precision, recall, f1 and rows."""
    precision, recall, f1 = precision_recall_f1(table)
    rows = table.sum(axis=1)
    return {
        str(k + 1): {
            "precision": float(precision[k]),
            "recall": float(recall[k]),
            "f1": float(f1[k]),
            "rows": int(rows[k]),
        }
        for k in range(CLASSES)
    }


def calibration(truth: IntArray, probabilities: FloatArray) -> list[CalibrationBin]:
    """One entry for each of ECE_BINS that holds rows.

    Confidence is the largest probability, right is its class: what calibration is about, and
    independent of the decision rule.
    """
    if len(truth) == 0:
        return []
    probability = np.asarray(probabilities, np.float64)
    confidence = probability.max(axis=1)
    right = (probability.argmax(axis=1) + 1) == np.asarray(truth)
    bins = np.clip((confidence * ECE_BINS).astype(np.int64), 0, ECE_BINS - 1)
    rows = np.bincount(bins, minlength=ECE_BINS)
    sums = np.bincount(bins, weights=confidence, minlength=ECE_BINS)
    hits = np.bincount(bins, weights=right, minlength=ECE_BINS)
    return [
        CalibrationBin(int(rows[b]), float(sums[b] / rows[b]), float(hits[b] / rows[b]))
        for b in range(ECE_BINS)
        if rows[b]
    ]


def ece(truth: IntArray, probabilities: FloatArray) -> float:
    """Expected calibration error: mean gap between confidence and accuracy (0 to 1)."""
    bins = calibration(truth, probabilities)
    total = sum(entry.rows for entry in bins)
    gaps = sum(entry.rows * abs(entry.confidence - entry.accuracy) for entry in bins)
    return float(gaps / total) if total else 0.0


def log_loss(truth: IntArray, probabilities: FloatArray) -> float:
    """Mean negative log-likelihood of the true star, in nats."""
    if len(truth) == 0:
        return 0.0
    chosen = np.asarray(probabilities, np.float64)[np.arange(len(truth)), np.asarray(truth) - 1]
    return float(-np.log(np.clip(chosen, 1e-12, 1.0)).mean())


def binary_accuracy(truth: IntArray, probabilities: FloatArray) -> float:
    """Of the rows with 1, 2, 4 or 5 stars: share on the right side of 3 by expected stars."""
    truth = np.asarray(truth)
    sided = truth != 3
    if not sided.any():
        return 0.0
    positive = expected_stars(probabilities)[sided] > 3
    return float((positive == (truth[sided] > 3)).mean())


def expected_stars(probabilities: FloatArray) -> FloatArray:
    """(n,) mean star under the probabilities (1.0 to 5.0)."""
    return np.asarray(probabilities, np.float64) @ np.arange(1.0, CLASSES + 1)


def selective(truth: IntArray, stars: IntArray, probabilities: FloatArray) -> list[Coverage]:
    """Accuracy when only the surest share of rows is answered, for each of COVERAGES.

    Sure is the probability of the stars that were decided. Ties keep the order of the rows.
    """
    if len(truth) == 0:
        return []
    truth, stars = np.asarray(truth), np.asarray(stars)
    sure = np.asarray(probabilities)[np.arange(len(stars)), stars - 1]
    order = np.argsort(-sure, kind="stable")
    right = np.cumsum((truth == stars)[order])
    counts = [max(1, round(share * len(truth))) for share in COVERAGES]
    return [
        Coverage(
            share,
            count,
            accuracy=float(right[count - 1] / count),
            confidence=float(sure[order[count - 1]]),
        )
        for share, count in zip(COVERAGES, counts, strict=True)
    ]


TABLE_METRICS: Mapping[str, Callable[[NDArray[np.int64]], float]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "mae": mae,
    "qwk": qwk,
    "within_one": within_one,
}


def headline(
    truth: ArrayLike, stars: ArrayLike, probabilities: ArrayLike | None = None
) -> dict[str, Any]:
    """All figures of one set of rows: `rows majority accuracy macro_f1 mae qwk within_one`.

    With probabilities also `ece log_loss binary_accuracy`. Always `per_class` and `confusion`.
    Plain ints, floats and lists, ready for JSON.
    """
    true, decided = np.asarray(truth, np.int64), np.asarray(stars, np.int64)
    table = confusion(true, decided)
    found: dict[str, Any] = {"rows": len(true), "majority": majority(table)}
    found |= {name: metric(table) for name, metric in TABLE_METRICS.items()}
    if probabilities is not None:
        sure = np.asarray(probabilities)
        found["ece"] = ece(true, sure)
        found["log_loss"] = log_loss(true, sure)
        found["binary_accuracy"] = binary_accuracy(true, sure)
    found["per_class"] = per_class(table)
    found["confusion"] = table.tolist()
    return found


def measure(truth: ArrayLike, stars: ArrayLike, probabilities: ArrayLike) -> Metrics:
    """The same as `headline`, as evaluation.json holds them."""
    return msgspec.convert(headline(truth, stars, probabilities), Metrics)


def _ratio(part: float | np.number[Any], whole: float | np.number[Any]) -> float:
    return float(part / whole) if whole else 0.0
