"""The seven tests: as theory says, quiet when nothing moved, loud when something did."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitoring import drift, report, statistics
from monitoring.baseline import Baseline
from monitoring.errors import BaselineError
from monitoring.observations import Observations
from monitoring.settings import DriftSettings
from reviews.errors import ConfigurationError

SETTINGS = DriftSettings.read(Path("configs/drift.yaml"))


def observed(n: int, seed: int) -> Observations:
    rng = np.random.default_rng(seed)
    stars = rng.choice(5, n, p=[0.13, 0.07, 0.08, 0.2, 0.52]) + 1
    return Observations(
        stars=stars,
        expected_stars=stars.astype(float),
        confidence=rng.beta(5, 2, n),
        language=rng.choice(["en", "es", "und"], n, p=[0.975, 0.005, 0.02]),
        supported=np.ones(n, bool),
        length=(np.exp(rng.normal(5.6, 1, n)) + 3).astype(int),
        oov_share=rng.beta(1, 30, n),
        markup=rng.random(n) < 0.002,
        topics=rng.normal(0, 1, (n, 50)) * np.linspace(0.05, 1, 50),
        verified_purchase=rng.choice([1, 0, -1], n, p=[0.8, 0.198, 0.002]),
    )


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return Baseline.from_observations(observed(20_000, 0), ["en"])


def alarms(verdict: drift.DriftVerdict) -> set[str]:
    return {finding.name for finding in verdict.alarms}


def test_a_window_like_the_baseline_is_quiet(baseline: Baseline) -> None:
    verdict = drift.check(baseline, observed(3000, 1), SETTINGS)
    assert verdict.verdict == "ok"
    assert [finding.name for finding in verdict.tests] == list(drift.TESTS)


def some(rows: Observations, share: float) -> np.ndarray:
    return np.arange(len(rows)) < share * len(rows)


SHIFTS: dict[str, Callable[[Observations], Observations]] = {
    "stars": lambda w: replace(w, stars=np.where(some(w, 0.1), 1, w.stars)),
    "topics": lambda w: replace(w, topics=w.topics + np.where(np.arange(50) == 9, 0.05, 0)),
    "languages": lambda w: replace(w, language=np.where(some(w, 0.02), "de", w.language)),
    "unknown_words": lambda w: replace(w, oov_share=np.minimum(1, w.oov_share * 1.2)),
    "length": lambda w: replace(w, length=np.where(some(w, 0.25), w.length // 3, w.length)),
    "markup": lambda w: replace(w, markup=w.markup | some(w, 0.012)),
    "verified_purchase": lambda w: replace(
        w, verified_purchase=np.where(some(w, 0.2), 1, w.verified_purchase)
    ),
}


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_rings_its_own_test_alone(name: str, baseline: Baseline) -> None:
    verdict = drift.check(baseline, SHIFTS[name](observed(3000, 2)), SETTINGS)
    assert verdict.verdict == "drift"
    assert alarms(verdict) == {name}
    assert name in verdict.reason


@pytest.mark.parametrize(
    ("n", "with_baseline", "word"), [(1999, True, "1999 rows"), (2000, False, "no baseline")]
)
def test_too_little_is_insufficient_and_never_ok(
    n: int, with_baseline: bool, word: str, baseline: Baseline
) -> None:
    verdict = drift.check(baseline if with_baseline else None, observed(n, 3), SETTINGS)
    assert verdict.verdict == "insufficient"
    assert word in verdict.reason
    assert verdict.tests == ()


def test_a_baseline_of_few_rows_is_insufficient() -> None:
    small = Baseline.from_observations(observed(400, 4), ["en"])
    assert drift.check(small, observed(2000, 5), SETTINGS).verdict == "insufficient"


@pytest.mark.parametrize(
    ("value", "share", "words"),
    [
        (-1, 0.02, "do not say whether the purchase was verified, 0.1"),
        (1, 0.3, "a verified purchase, 80.0"),
    ],
)
def test_the_value_that_moved_is_named(
    value: int, share: float, words: str, baseline: Baseline
) -> None:
    window = observed(3000, 7)
    said = np.where(some(window, share), value, window.verified_purchase)
    verdict = drift.check(baseline, replace(window, verified_purchase=said), SETTINGS)
    assert alarms(verdict) == {"verified_purchase"}
    assert words in verdict.reason


def test_a_model_that_never_saw_a_flag_has_no_share_to_compare() -> None:
    unsaid = np.full(20_000, -1)
    baseline = Baseline.from_observations(
        replace(observed(20_000, 0), verified_purchase=unsaid), ["en"]
    )
    verdict = drift.check(baseline, observed(3000, 8), SETTINGS)
    assert verdict.verdict == "ok"
    assert verdict.tests[-1].p_value == 1


def test_shares_of_rare_values_keep_the_level() -> None:
    rng = np.random.default_rng(9)
    rung = 0
    for _ in range(400):
        now, before = (rng.multinomial(n, [0.9, 0.0985, 0.0015]).tolist() for n in (2000, 8000))
        rung += statistics.shares(now, before, SETTINGS.tests.exact_below_rows)[1].p_value < 0.05
    assert 4 <= rung <= 34  # of 400 at 5 %: 20 expected, two shares move together


def test_topics_of_another_model_are_refused(baseline: Baseline) -> None:
    window = observed(2000, 6)
    with pytest.raises(BaselineError, match="topic coordinates"):
        drift.check(baseline, replace(window, topics=window.topics[:, :40]), SETTINGS)


def test_the_statistics_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 57, 800), rng.integers(0, 60, 900)
    values, rows = np.unique(b, return_counts=True)
    ours = statistics.kolmogorov_smirnov(a, values, rows)
    theirs = stats.ks_2samp(a, b, method="asymp")
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=0.2, abs=1e-12)
    counts, others = np.array([13, 7, 8, 20, 52]), np.array([130, 90, 80, 190, 510])
    chi = statistics.chi_square(counts, others, 0.0)
    assert chi.p_value == pytest.approx(stats.chi2_contingency([counts, others])[1])
    for table in ((3, 2000, 12, 20000), (0, 2000, 0, 20000), (9, 2000, 20, 20000), (5, 5, 0, 5)):
        k, n, j, m = table
        exact = stats.fisher_exact([[k, n - k], [j, m - j]])[1]
        assert statistics.fisher(k, n, j, m) == pytest.approx(exact, rel=1e-6)


def test_hotelling_keeps_its_level_on_a_small_baseline() -> None:
    rng = np.random.default_rng(1)
    rung = 0
    for _ in range(300):
        base, window = rng.normal(0, 1, (120, 10)), rng.normal(0, 1, (400, 10))
        covariance = np.cov(base, rowvar=False)
        result = statistics.hotelling(window, base.mean(axis=0), covariance, len(base))
        rung += result.p_value < 0.05
    assert 5 <= rung <= 26  # of 300 at 5 %: 15 expected; chi-square would ring 30 times


def test_an_axis_without_variance_is_left_out() -> None:
    window = np.zeros((100, 3))
    covariance = np.diag([1.0, 0.5, 0.0])
    result = statistics.hotelling(window, np.zeros(3), covariance, 1000)
    assert result.p_value == pytest.approx(1.0)


def test_the_report_says_what_happened_and_what_to_do(baseline: Baseline) -> None:
    window = SHIFTS["languages"](observed(3000, 2))
    verdict = drift.check(baseline, window, SETTINGS)
    page = report.html(verdict, baseline=baseline, window=window, about={"package": "<arn>"})
    assert "in a language not learned" in page
    assert "What to do" in page
    assert "&lt;arn&gt;" in page
    for outside in ("http://", "https://", "<script", "@import"):
        assert outside not in page


def test_the_report_of_an_insufficient_window_is_no_all_clear() -> None:
    verdict = drift.check(None, observed(10, 0), SETTINGS)
    page = report.html(verdict)
    assert "no baseline" in page
    assert "no all-clear" in page
    assert "Nothing unusual" not in page


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="min_row"):
        DriftSettings.from_json('{"window":{"min_row":1},"tests":{},"feedback":{}}')
