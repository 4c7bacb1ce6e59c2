"""The tests of hypotheses that drift is made of: counts and moments in, statistic and p out.

Each compares a window (w) with a baseline (b) and is two-sided. `scipy.special` is imported
where it is used: it takes longer to load than all tests take to run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.errors import BaselineError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer[Any]]
SINGULAR = 1e-7  # an axis with less of the largest variance than this carries only rounding
TIES = 1e-7  # relative: equally likely tables differ by rounding


@dataclass(frozen=True)
class Result:
    """What one test found. p_value: chance of such a statistic if nothing had changed."""

    method: str
    statistic: float
    p_value: float


def chi_square(window: IntArray, baseline: IntArray, correction: float) -> Result:
    """Compare two rows of counts over k classes; chi-square with k - 1 degrees of freedom.

    correction: added to every cell, so that a class seen on one side only is no division by 0.
    """
    from scipy.special import chdtrc

    table = np.stack([window, baseline]).astype(np.float64) + correction
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    used = expected > 0
    statistic = float((((table - expected) ** 2)[used] / expected[used]).sum())
    return Result("chi-square", statistic, float(chdtrc(table.shape[1] - 1, statistic)))


def hotelling(topics: FloatArray, mean: FloatArray, covariance: FloatArray, rows: int) -> Result:
    """Compare the mean of (n, d) topic coordinates with a baseline of so many rows.

    T2 = n m / (n + m) * (x - mean)' covariance^-1 (x - mean), with the baseline's covariance.
    Its p-value comes from T2 (m - d) / (d (m - 1)) ~ F(d, m - d), which is chi-square with d
    degrees of freedom where m is large and stays exact where it is not. Axes without variance
    in the baseline are left out, d with them. Source: Hotelling (1931).
    Raises BaselineError if d differs from the baseline's, or m is not larger than d.
    """
    from scipy.special import fdtrc

    n, d = topics.shape
    if d != len(mean):
        raise BaselineError(f"window has {d} topic coordinates, baseline {len(mean)}")
    values, axes = np.linalg.eigh(covariance)
    kept = values > SINGULAR * max(float(values.max(initial=0.0)), 0.0)
    rank = int(kept.sum())
    if rank == 0:
        return Result("Hotelling T2", 0.0, 1.0)
    if rows <= rank:
        raise BaselineError(f"{rows} baseline rows do not pin {rank} topic coordinates")
    along = (topics.mean(axis=0, dtype=np.float64) - mean) @ axes[:, kept]
    statistic = float((along**2 / values[kept]).sum() * n * rows / (n + rows))
    ratio = statistic * (rows - rank) / (rank * (rows - 1))
    return Result("Hotelling T2", statistic, float(fdtrc(rank, rows - rank, ratio)))


def share(window: int, n: int, baseline: int, m: int, exact_below: float) -> Result:
    """Compare two shares, `window` of n rows and `baseline` of m.

    exact_below: where the window would be expected to hold fewer such rows, or fewer others,
    Fisher's exact test takes the place of the pooled z test, which alarms too often there.
    """
    both = window + baseline
    expected = min(both, n + m - both) * n / (n + m)
    if expected < exact_below:
        return Result("Fisher exact", window / n - baseline / m, fisher(window, n, baseline, m))
    pooled = both / (n + m)
    spread = (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
    return normal((window / n - baseline / m) / spread, "z of two shares")


def shares(
    window: Sequence[int], baseline: Sequence[int], exact_below: float
) -> tuple[int, Result]:
    """Compare counts of k values, each by `share`: the most surprising one's place and result.

    Its p-value is that of `share` times the k that it was chosen of (Bonferroni), at most 1.
    """
    n, m = sum(window), sum(baseline)
    found = [
        share(now, n, before, m, exact_below) for now, before in zip(window, baseline, strict=True)
    ]
    place = min(range(len(found)), key=lambda i: found[i].p_value)
    surest = found[place]
    return place, replace(surest, p_value=min(1.0, len(found) * surest.p_value))


def fisher(window: int, n: int, baseline: int, m: int) -> float:
    """Two-sided p-value: the chance of all tables at most as likely as this one."""
    from scipy.special import gammaln

    both = window + baseline
    possible = np.arange(max(0, both - m), min(both, n) + 1, dtype=np.float64)

    def log_choose(total: float, chosen: FloatArray) -> FloatArray:
        log: FloatArray = (
            gammaln(total + 1.0) - gammaln(chosen + 1.0) - gammaln(total - chosen + 1.0)
        )
        return log

    log_likelihood = log_choose(n, possible) + log_choose(m, both - possible)
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    here = likelihood[window - int(possible[0])]
    as_unlikely = likelihood[likelihood <= here * (1 + TIES)].sum()
    return float(min(1.0, as_unlikely / likelihood.sum()))


def mean_difference(
    mean: float, variance: float, n: int, other_mean: float, other_variance: float, m: int
) -> Result:
    """Compare two means by z, each with its own variance (Welch)."""
    spread = (variance / n + other_variance / m) ** 0.5
    if spread == 0:
        same = mean == other_mean
        return Result("z of two means", 0.0 if same else np.inf, 1.0 if same else 0.0)
    return normal((mean - other_mean) / spread, "z of two means")


def kolmogorov_smirnov(window: IntArray, values: IntArray, rows: IntArray) -> Result:
    """Largest gap between two distributions; the baseline as ascending values with their rows.

    p-value of the asymptotic Kolmogorov distribution; ties make it conservative.
    """
    from scipy.special import kolmogorov

    n, m = len(window), int(rows.sum())
    points = np.union1d(window, values)
    ours = np.searchsorted(np.sort(window), points, side="right") / n
    ends = np.concatenate([[0], np.cumsum(rows)])
    theirs = ends[np.searchsorted(values, points, side="right")] / m
    gap = float(np.abs(ours - theirs).max(initial=0.0))
    return Result("Kolmogorov-Smirnov", gap, float(kolmogorov((n * m / (n + m)) ** 0.5 * gap)))


def normal(z: float, method: str) -> Result:
    """Two-sided p-value of a standard normal."""
    from scipy.special import ndtr

    return Result(method, float(z), float(2.0 * ndtr(-abs(z))))
