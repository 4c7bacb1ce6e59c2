"""Two models on the same rows: how much they differ, and whether that can be chance.

Rows of one user are not independent, so spreads leave out one bucket of users at a time.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.evaluation import Comparison, Difference, McNemar
from training.evaluation.metrics import HEADLINE, headline

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.floating[Any]]

MIN_BUCKETS = 5  # fewer buckets of users say nothing of the spread


def spreads(
    truth: IntArray, stars: IntArray, probabilities: FloatArray, bucket: IntArray
) -> dict[str, float | None]:
    """Standard error of every plain figure of `headline`, by jackknife over buckets of users.

    None where there are fewer than MIN_BUCKETS buckets. Source: Efron and Stein (1981).
    """
    figures = headline(truth, stars, probabilities)
    names = [name for name, value in figures.items() if isinstance(value, float)]
    left_out = [
        headline(truth[kept], stars[kept], probabilities[kept]) for kept in _leaving_out(bucket)
    ]
    return {name: _error([figures[name] for figures in left_out]) for name in names}


def compare(
    truth: IntArray, challenger: IntArray, champion: IntArray, bucket: IntArray
) -> Comparison:
    """Compare the headline figures, challenger less champion, and test what may be chance."""
    ours, theirs = headline(truth, challenger), headline(truth, champion)
    left_out = [
        (headline(truth[kept], challenger[kept]), headline(truth[kept], champion[kept]))
        for kept in _leaving_out(bucket)
    ]
    differences = {}
    for name in HEADLINE:
        difference = ours[name] - theirs[name]
        error = _error([own[name] - other[name] for own, other in left_out])
        differences[name] = Difference(
            difference,
            error,
            low=None if error is None else difference - 1.96 * error,
            high=None if error is None else difference + 1.96 * error,
        )
    right, other_right = challenger == truth, champion == truth
    return Comparison(
        differences,
        agree=float((challenger == champion).mean()) if len(truth) else 0.0,
        mcnemar=mcnemar(int((right & ~other_right).sum()), int((other_right & ~right).sum())),
    )


def mcnemar(only_challenger: int, only_champion: int) -> McNemar:
    """Exact two-sided test that each is as often the only one that is right (McNemar, 1947)."""
    from scipy.special import bdtr

    discordant = only_challenger + only_champion
    smaller = min(only_challenger, only_champion)
    p_value = min(1.0, 2.0 * float(bdtr(smaller, discordant, 0.5))) if discordant else 1.0
    return McNemar(only_challenger, only_champion, p_value)


def _leaving_out(bucket: IntArray) -> Iterator[NDArray[np.bool_]]:
    buckets = np.unique(bucket)
    if len(buckets) >= MIN_BUCKETS:
        for one in buckets:
            yield bucket != one


def _error(values: list[float]) -> float | None:
    if not values:
        return None
    count = len(values)
    deviations = np.asarray(values) - np.mean(values)
    return float(((count - 1) / count * (deviations**2).sum()) ** 0.5)
