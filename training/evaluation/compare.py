"""Two models on the same rows: how much they differ, and whether that can be chance.

Rows of one user are not independent, so spreads leave out one bucket of users at a time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import HEADLINE, headline

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.floating[Any]]

LEAST_BUCKETS = 5  # fewer buckets of users say nothing of the spread


def spreads(
    truth: IntArray, stars: IntArray, probabilities: FloatArray, bucket: IntArray
) -> dict[str, float | None]:
    """Standard error of every plain figure of `headline`, by jackknife over buckets of users.

    None where there are fewer than LEAST_BUCKETS buckets. Source: Efron and Stein (1981).
    """
    figures = headline(truth, stars, probabilities)
    names = [name for name, value in figures.items() if isinstance(value, float)]
    left_out = [
        headline(truth[kept], stars[kept], probabilities[kept]) for kept in _leaving_out(bucket)
    ]
    return {name: _error([figures[name] for figures in left_out]) for name in names}


def compare(
    truth: IntArray, challenger: IntArray, champion: IntArray, bucket: IntArray
) -> dict[str, Any]:
    """Differences of the headline figures (challenger less champion) with 95 % intervals.

    Also `agree`, the share of rows with equal stars, and McNemar's exact test on the rows that
    only one of them has right: `only_challenger`, `only_champion`, `p_value`.
    """
    ours, theirs = headline(truth, challenger), headline(truth, champion)
    left_out = [
        (headline(truth[kept], challenger[kept]), headline(truth[kept], champion[kept]))
        for kept in _leaving_out(bucket)
    ]
    differences = {}
    for name in HEADLINE:
        difference = ours[name] - theirs[name]
        error = _error([own[name] - other[name] for own, other in left_out])
        differences[name] = {
            "difference": difference,
            "standard_error": error,
            "low": None if error is None else difference - 1.96 * error,
            "high": None if error is None else difference + 1.96 * error,
        }
    right, other_right = challenger == truth, champion == truth
    return {
        "differences": differences,
        "agree": float((challenger == champion).mean()) if len(truth) else 0.0,
        "mcnemar": mcnemar(int((right & ~other_right).sum()), int((other_right & ~right).sum())),
    }


def mcnemar(only_challenger: int, only_champion: int) -> dict[str, float]:
    """Exact two-sided test that each is as often the only one that is right (McNemar, 1947)."""
    from scipy.special import bdtr

    discordant = only_challenger + only_champion
    smaller = min(only_challenger, only_champion)
    p_value = min(1.0, 2.0 * float(bdtr(smaller, discordant, 0.5))) if discordant else 1.0
    return {
        "only_challenger": only_challenger,
        "only_champion": only_champion,
        "p_value": p_value,
    }


def slices(
    truth: IntArray, stars: IntArray, groups: Mapping[str, NDArray[Any]]
) -> dict[str, dict[str, dict[str, float]]]:
    """Figures of each value of each grouping, with `standard_error` of accuracy.

    groups: grouping to (n,) labels; most rows first. A slice has `rows`, `majority` and the
    headline figures.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for grouping, labels in groups.items():
        values, rows = np.unique(labels, return_counts=True)
        found[grouping] = {
            str(values[place]): _slice(truth, stars, labels == values[place])
            for place in np.argsort(-rows, kind="stable")
        }
    return found


def _slice(truth: IntArray, stars: IntArray, mask: NDArray[np.bool_]) -> dict[str, float]:
    figures = headline(truth[mask], stars[mask])
    rows, p = figures["rows"], figures["accuracy"]
    plain = {name: figures[name] for name in ("rows", "majority", *HEADLINE)}
    return plain | {"standard_error": float((p * (1 - p) / rows) ** 0.5)}


def _leaving_out(bucket: IntArray) -> Iterator[NDArray[np.bool_]]:
    buckets = np.unique(bucket)
    if len(buckets) >= LEAST_BUCKETS:
        for one in buckets:
            yield bucket != one


def _error(values: list[float]) -> float | None:
    if not values:
        return None
    count = len(values)
    deviations = np.asarray(values) - np.mean(values)
    return float(((count - 1) / count * (deviations**2).sum()) ** 0.5)
