"""Whether a window still looks like the baseline of the model that is live.

Seven tests, one for each way in which a stream of reviews was seen to change, each at a seventh
of the false alarm rate. Too few rows or no baseline is `insufficient`, never `ok`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from monitoring import statistics
from monitoring.baseline import (
    Baseline,
    count_foreign,
    count_languages,
    count_stars,
    count_verified,
)
from monitoring.observations import Observations
from monitoring.settings import DriftSettings, TestSettings
from monitoring.statistics import IntArray, Result
from reviews.verified import NAMES, NOT_SAID

OK, DRIFT, INSUFFICIENT = "ok", "drift", "insufficient"  # verdicts


@dataclass(frozen=True)
class Finding:
    """One test: what was compared, how unlikely it is, and what that is in a sentence."""

    name: str
    method: str
    statistic: float
    p_value: float
    alarm: bool
    baseline: float  # of the number that the message names
    window: float
    message: str


@dataclass(frozen=True)
class DriftVerdict:
    """What a check says. verdict: `ok`, `drift` or `insufficient`. n: rows of the window.

    level: the p-value below which a single test alarms.
    """

    verdict: str
    n: int
    reason: str
    level: float
    baseline_rows: int
    unreadable: int
    unreadable_reasons: dict[str, int]
    tests: tuple[Finding, ...]

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """The tests that alarm, surest first."""
        alarming = [finding for finding in self.tests if finding.alarm]
        return tuple(sorted(alarming, key=lambda finding: finding.p_value))

    def to_mapping(self) -> dict[str, Any]:
        """The content of drift.json."""
        return {**asdict(self), "tests": [asdict(finding) for finding in self.tests]}


def check(baseline: Baseline | None, window: Observations, settings: DriftSettings) -> DriftVerdict:
    """Compare a window with a baseline. None: the model has none.

    Raises BaselineError where the window comes from another model: its topics do not fit.
    """
    level = settings.tests.false_alarm_rate / len(TESTS)
    reason = _insufficient(baseline, len(window), settings)
    findings: tuple[Finding, ...] = ()
    if baseline is not None and not reason:
        findings = compare(baseline, window, settings.tests)
    verdict = DriftVerdict(
        verdict=INSUFFICIENT if reason else OK,
        n=len(window),
        reason=reason,
        level=level,
        baseline_rows=baseline.rows if baseline else 0,
        unreadable=sum(window.unreadable.values()),
        unreadable_reasons=dict(window.unreadable),
        tests=findings,
    )
    return verdict if reason else _conclude(verdict)


def compare(
    baseline: Baseline, window: Observations, settings: TestSettings
) -> tuple[Finding, ...]:
    """The findings, in the order of TESTS, for a window of at least two rows."""
    level = settings.false_alarm_rate / len(TESTS)
    findings = []
    for name, test in TESTS.items():
        result, before, now, message = test(baseline, window, settings)
        alarm = bool(result.p_value < level)
        findings.append(
            Finding(
                name, result.method, result.statistic, result.p_value, alarm, before, now, message
            )
        )
    return tuple(findings)


def stars_mean(rows_by_star: IntArray) -> float:
    """Mean star of (5,) counts; 0 where there are none."""
    total = int(rows_by_star.sum())
    return float(rows_by_star @ np.arange(1, 6) / total) if total else 0.0


# --- the tests: result, the baseline's number, the window's, and a sentence on both ------
Compared = tuple[Result, float, float, str]


def _stars(baseline: Baseline, window: Observations, settings: TestSettings) -> Compared:
    rows = count_stars(window)
    before, now = stars_mean(baseline.stars), stars_mean(rows)
    shares_before, shares_now = baseline.stars / baseline.rows, rows / len(window)
    k = int(np.abs(shares_now - shares_before).argmax())
    message = (
        f"the predicted stars average {now:.2f}, {before:.2f} in the baseline; "
        f"{k + 1} star{'s' if k else ''}: {shares_now[k]:.1%} instead of {shares_before[k]:.1%}"
    )
    result = statistics.chi_square(rows, baseline.stars, settings.cell_correction)
    return result, before, now, message


def _topics(baseline: Baseline, window: Observations, settings: TestSettings) -> Compared:
    usual = float(len(baseline.topic_mean))
    result = statistics.hotelling(
        window.topics.astype(np.float64),
        baseline.topic_mean,
        baseline.topic_covariance,
        baseline.rows,
    )
    message = (
        f"what the reviews speak of lies at a distance of {result.statistic:.0f} from the "
        f"baseline, where about {usual:.0f} is usual"
    )
    return result, usual, result.statistic, message


def _languages(baseline: Baseline, window: Observations, settings: TestSettings) -> Compared:
    rows = count_foreign(count_languages(window), baseline.known_languages)
    return _shares(
        baseline.foreign_rows, rows, "are in a language not learned", baseline, window, settings
    )


def _markup(baseline: Baseline, window: Observations, settings: TestSettings) -> Compared:
    rows = int(window.markup.sum())
    return _shares(
        baseline.markup_rows, rows, "carry HTML tags or entities", baseline, window, settings
    )


def _shares(
    before: int,
    now: int,
    what: str,
    baseline: Baseline,
    window: Observations,
    settings: TestSettings,
) -> Compared:
    result = statistics.share(now, len(window), before, baseline.rows, settings.exact_below_rows)
    return result, *_tell_shares(before, now, what, baseline, window)


def _tell_shares(
    before: int, now: int, what: str, baseline: Baseline, window: Observations
) -> tuple[float, float, str]:
    n, m = len(window), baseline.rows
    message = f"{now / n:.2%} of the reviews {what}, {before / m:.2%} in the baseline"
    return before / m, now / n, message


def _unknown_words(baseline: Baseline, window: Observations, settings: TestSettings) -> Compared:
    oov = window.oov_share.astype(np.float64)
    mean, variance = float(oov.mean()), float(oov.var(ddof=1))
    result = statistics.mean_difference(
        mean, variance, len(window), baseline.oov_mean, baseline.oov_variance, baseline.rows
    )
    message = (
        f"{mean:.2%} of a review's words are unknown to the model, "
        f"{baseline.oov_mean:.2%} in the baseline"
    )
    return result, baseline.oov_mean, mean, message


def _length(baseline: Baseline, window: Observations, settings: TestSettings) -> Compared:
    middle = np.searchsorted(np.cumsum(baseline.length_rows), baseline.rows / 2)
    before, now = float(baseline.lengths[middle]), float(np.median(window.length))
    result = statistics.kolmogorov_smirnov(window.length, baseline.lengths, baseline.length_rows)
    message = f"the middle review has {now:.0f} characters, {before:.0f} in the baseline"
    return result, before, now, message


def _verified(baseline: Baseline, window: Observations, settings: TestSettings) -> Compared:
    """Yes, no and not said. A model whose rows never said it answers alike with and without."""
    before, now = baseline.verified, count_verified(window)
    if before[NAMES[NOT_SAID]] == baseline.rows:
        message = "the baseline says of no purchase whether it was verified: nothing to compare"
        return Result("none", 0.0, 1.0), 0.0, 0.0, message
    names = list(before)
    place, result = statistics.shares(
        [now[name] for name in names], [before[name] for name in names], settings.exact_below_rows
    )
    name = names[place]
    return result, *_tell_shares(before[name], now[name], VERIFIED[name], baseline, window)


VERIFIED = {
    "yes": "come from a verified purchase",
    "no": "come from a purchase that was not verified",
    "not said": "do not say whether the purchase was verified",
}
TESTS: dict[str, Callable[[Baseline, Observations, TestSettings], Compared]] = {
    "stars": _stars,
    "topics": _topics,
    "languages": _languages,
    "unknown_words": _unknown_words,
    "length": _length,
    "markup": _markup,
    "verified_purchase": _verified,
}


def _insufficient(baseline: Baseline | None, n: int, settings: DriftSettings) -> str:
    if baseline is None:
        return "no baseline: this model came without one, so nothing can be said about drift"
    if baseline.rows < settings.tests.min_baseline_rows:
        needed = settings.tests.min_baseline_rows
        return f"the baseline has {baseline.rows} rows, and {needed} are needed to know normal"
    if n < settings.window.min_rows:
        return f"the window has {n} rows, and {settings.window.min_rows} are needed to judge"
    return ""


def _conclude(verdict: DriftVerdict) -> DriftVerdict:
    alarms = verdict.alarms
    if not alarms:
        reason = f"all {len(verdict.tests)} tests see no change over {verdict.n} rows"
    else:
        reason = "; ".join(f"{finding.name}: {finding.message}" for finding in alarms)
    content = vars(verdict) | {"verdict": DRIFT if alarms else OK, "reason": reason}
    return DriftVerdict(**content)
