"""Spreads and the paired test: as theory says where it says something."""

import numpy as np
import pytest

from training.evaluation import compare


def drawn(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 6, n)
    stars = np.where(rng.random(n) < 0.7, truth, rng.integers(1, 6, n))
    return truth, stars, np.eye(5)[stars - 1], rng.integers(0, 20, n)


def test_the_spread_of_accuracy_is_near_that_of_a_share() -> None:
    errors = []
    for seed in range(12):
        truth, stars, probabilities, bucket = drawn(seed=seed)
        errors.append(compare.spreads(truth, stars, probabilities, bucket)["accuracy"])
    expected = (0.76 * 0.24 / 4000) ** 0.5
    assert np.mean(errors) == pytest.approx(expected, rel=0.15)


def test_users_with_many_like_reviews_widen_the_spread() -> None:
    truth, stars, probabilities, bucket = drawn()
    lucky = np.where(bucket < 10, truth, stars)  # half the users are always right
    alone = compare.spreads(truth, stars, probabilities, bucket)["accuracy"]
    together = compare.spreads(truth, lucky, probabilities, bucket)["accuracy"]
    assert alone is not None
    assert together is not None
    assert together > 2 * alone


def test_too_few_buckets_have_no_spread() -> None:
    truth, stars, probabilities, _ = drawn()
    spread = compare.spreads(truth, stars, probabilities, np.arange(len(truth)) % 3)
    assert set(spread.values()) == {None}


def test_a_model_against_itself_differs_in_nothing() -> None:
    truth, stars, _, bucket = drawn()
    found = compare.compare(truth, stars, stars, bucket)
    assert found.agree == 1.0
    assert found.mcnemar.p_value == 1.0
    assert all(entry.difference == 0 for entry in found.differences.values())


def test_a_better_model_is_seen_and_signed() -> None:
    truth, stars, _, bucket = drawn()
    better = np.where(np.arange(len(truth)) % 20 == 0, truth, stars)
    found = compare.compare(truth, better, stars, bucket)
    assert found.differences["accuracy"].low > 0
    assert found.differences["mae"].high < 0
    assert found.mcnemar.only_champion == 0
    assert found.mcnemar.p_value < 1e-6


def test_mcnemar_is_the_exact_binomial_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    for ours, theirs in ((3, 9), (10, 10), (0, 5), (200, 260)):
        expected = stats.binomtest(ours, ours + theirs).pvalue
        assert compare.mcnemar(ours, theirs).p_value == pytest.approx(expected, rel=1e-6)
