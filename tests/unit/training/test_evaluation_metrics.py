"""Our figures are those of scikit-learn where it has them, and defined where it has none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluation import metrics


def drawn(n: int = 3000, seed: int = 0) -> tuple[NDArray[np.int64], ...]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(5, n, p=[0.13, 0.07, 0.08, 0.2, 0.52]) + 1
    scores = rng.normal(0, 1, (n, 5)) + 2.0 * np.eye(5)[truth - 1]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return truth, probabilities.argmax(axis=1) + 1, probabilities


def test_the_figures_are_those_of_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    truth, stars, probabilities = drawn()
    figures = metrics.headline(truth, stars, probabilities)
    assert figures["accuracy"] == pytest.approx(sk.accuracy_score(truth, stars))
    assert figures["macro_f1"] == pytest.approx(sk.f1_score(truth, stars, average="macro"))
    assert figures["mae"] == pytest.approx(sk.mean_absolute_error(truth, stars))
    assert figures["qwk"] == pytest.approx(sk.cohen_kappa_score(truth, stars, weights="quadratic"))
    assert figures["log_loss"] == pytest.approx(sk.log_loss(truth, probabilities))
    assert figures["confusion"] == sk.confusion_matrix(truth, stars).tolist()
    assert figures["within_one"] == pytest.approx((abs(truth - stars) <= 1).mean())
    for k, recall in enumerate(sk.recall_score(truth, stars, average=None)):
        assert figures["per_class"][str(k + 1)]["recall"] == pytest.approx(recall)


def test_macro_f1_leaves_out_a_class_that_does_not_occur() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    truth, stars = np.array([1, 1, 5, 5, 4]), np.array([1, 5, 5, 5, 5])
    ours = metrics.headline(truth, stars)["macro_f1"]
    assert ours == pytest.approx(sk.f1_score(truth, stars, average="macro"))


def test_a_perfect_answer_has_perfect_figures() -> None:
    truth = np.array([1, 2, 3, 4, 5, 5])
    figures = metrics.headline(truth, truth, np.eye(5)[truth - 1])
    assert [figures[name] for name in metrics.HEADLINE] == [1, 1, 0, 1, 1]
    assert figures["ece"] == 0
    assert figures["majority"] == pytest.approx(2 / 6)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_and_one_row_have_figures_without_a_warning(rows: int) -> None:
    truth = np.full(rows, 4)
    figures = metrics.headline(truth, truth, np.full((rows, 5), 0.2))
    assert figures["rows"] == rows
    assert figures["qwk"] == 0


def test_ece_finds_an_overconfident_model() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(1, 6, 5000)
    sure = np.full((5000, 5), 0.025)
    sure[:, 0] = 0.9  # nine of ten, and right in one of five
    assert metrics.ece(truth, sure) == pytest.approx(0.9 - (truth == 1).mean(), abs=1e-9)


def test_calibration_counts_every_row_once() -> None:
    truth, _, probabilities = drawn()
    bins = metrics.calibration(truth, probabilities)
    assert sum(entry.rows for entry in bins) == len(truth)


def test_the_surest_answers_are_better() -> None:
    truth, stars, probabilities = drawn()
    curve = metrics.selective(truth, stars, probabilities)
    assert curve[0].accuracy == pytest.approx((truth == stars).mean())
    assert curve[-1].accuracy > curve[0].accuracy + 0.1
    assert [entry.coverage for entry in curve] == list(metrics.COVERAGES)


def test_the_binary_view_leaves_out_three_stars() -> None:
    truth = np.array([1, 3, 5])
    sides = np.eye(5)[[0, 0, 4]]
    assert metrics.binary_accuracy(truth, sides) == 1.0
