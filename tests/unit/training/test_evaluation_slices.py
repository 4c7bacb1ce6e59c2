"""Slices: who is in which, how sure their figures are, and what the gate asks of them."""

from itertools import combinations

import numpy as np
import pytest
from msgspec import structs

from tests.unit.training.test_evaluation_gate import SETTINGS, figures
from training.data.dataset import Rows
from training.evaluation import slices
from training.evaluation.evaluation import PairedGain
from training.evaluation.gate import MAX_MESSAGE, judge
from training.evaluation.slice_gate import SliceLimits, conditions, corrected

LIMITS = SliceLimits(min_rows=400, majority_errors=2, champion_errors=3)


def make_rows(texts: list[str], languages: str = "en") -> Rows:
    n = len(texts)
    return Rows(
        rating=np.full(n, 5),
        title=[""] * n,
        text=texts,
        verified_purchase=np.array([1, 0, -1] * n, np.int8)[:n],
        language=np.full(n, languages),
        markup=np.zeros(n, bool),
        bucket=np.arange(n) % 100,
        review_key=np.arange(n, dtype=np.uint64),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [("It broke.", 2), ("Très bien", 2), ("とても良い", 5), ("good 👍👍", 3), ("a " * 31, 31)],
)
def test_words_are_counted_in_every_script(text: str, words: int) -> None:
    assert slices.count_words(text) == words


def test_each_row_has_one_length_by_its_words() -> None:
    rows = make_rows(["w " * count for count in (1, 3, 4, 7, 8, 15, 16, 30, 31)])
    found = slices.label(rows)["length"].tolist()
    assert found == [slices.LENGTHS[i] for i in (0, 0, 1, 1, 2, 2, 3, 3, 4)]


def drawn(rows: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Stars of which 70 in 100 are five, and answers of which that share is right."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(5, rows, p=[0.1, 0.05, 0.05, 0.1, 0.7]) + 1
    return truth, np.where(rng.random(rows) < share, truth, truth % 5 + 1)


def measured(share_of_short: float, champion_of_short: float | None = None) -> dict:
    """5,000 long reviews that are read well, and 1,000 short ones, by their length."""
    long, short = drawn(5000, 0.85), drawn(1000, share_of_short, 1)
    truth, stars = (np.concatenate(both) for both in zip(long, short, strict=True))
    labels = np.array([slices.LENGTHS[4]] * 5000 + [slices.LENGTHS[1]] * 1000)
    theirs = None
    if champion_of_short is not None:
        theirs = np.concatenate([long[1], drawn(1000, champion_of_short, 1)[1]])
    sure = np.eye(5)[stars - 1] * 0.5 + 0.1
    return slices.measure(truth, stars, sure, {"length": labels}, theirs)


def test_slices_cover_every_row_once_and_lengths_keep_their_order() -> None:
    found = measured(0.8)["length"]
    assert list(found) == [slices.LENGTHS[1], slices.LENGTHS[4]]
    assert sum(one.rows for one in found.values()) == 6000
    one = found[slices.LENGTHS[1]]
    assert one.low < one.accuracy < one.high
    assert one.over_majority.gain == pytest.approx(one.accuracy - one.majority)
    assert one.confidence == pytest.approx(0.6)
    assert one.ece == pytest.approx(one.accuracy - 0.6)


def test_the_interval_is_wilson_s() -> None:
    stats = pytest.importorskip("scipy.stats")
    for right, rows in ((0, 20), (19, 20), (450, 500)):
        expected = stats.binomtest(right, rows).proportion_ci(0.95, "wilson")
        assert slices.wilson(right / rows, rows) == pytest.approx(tuple(expected), abs=1e-4)


def test_a_slice_worse_than_its_majority_is_refused_by_name() -> None:
    verdict = judge(figures(), SETTINGS, None, measured(0.62))
    assert not verdict.passed
    assert "length 4 to 7 words (1000 rows)" in verdict.message
    assert "worse than its majority" in verdict.message
    assert slices.LENGTHS[4] not in verdict.message
    assert judge(figures(), SETTINGS, None, measured(0.8)).passed


def test_a_slice_that_falls_behind_the_champion_is_refused_by_name() -> None:
    verdict = judge(figures(), SETTINGS, figures(), measured(0.75, 0.85))
    assert not verdict.passed
    assert "length 4 to 7 words (1000 rows)" in verdict.message
    assert "worse than the champion" in verdict.message
    assert judge(figures(), SETTINGS, figures(), measured(0.75, 0.75)).passed


def test_small_slices_and_smoke_runs_are_not_judged() -> None:
    bad = measured(0.62)
    assert judge(figures(rows=9_999), SETTINGS, None, bad).passed
    wide = structs.replace(SETTINGS, slices=structs.replace(LIMITS, min_rows=1001))
    assert judge(figures(), wide, None, bad).passed


def test_a_slice_s_name_survives_a_message_that_is_too_long() -> None:
    one = next(iter(measured(0.1).values()))[slices.LENGTHS[1]]
    many = {"length": {slices.LENGTHS[1]: one}, "language": {f"l{i}": one for i in range(9)}}
    message = judge(figures(accuracy=0.1), SETTINGS, None, many).message
    assert len(message) <= MAX_MESSAGE
    assert "accuracy 0.1000 is below" in message
    assert "length 4 to 7 words (1000 rows)" in message  # the worst whole, the last by name alone
    assert "language l8 over majority" in message


TEMPLATE = measured(0.8)["length"][slices.LENGTHS[1]]


def test_pairs_together_refuse_a_sound_model_no_more_often_than_one_slice() -> None:
    """A model that is exactly as good as the majority in all of 20 pairs, 400 times."""
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        gains = rng.normal(size=20)
        pairs = {
            f"length{slices.PAIR}language": {
                str(i): structs.replace(TEMPLATE, over_majority=PairedGain(g, 1.0))
                for i, g in enumerate(gains.tolist())
            }
        }
        refused += not all(c.passed for c in conditions(pairs, LIMITS))
    assert refused / 400 < 0.045  # 20 tests at two errors each: .37
    assert corrected(2, 1) == pytest.approx(2)
    assert corrected(2, 20) == pytest.approx(3.05, abs=0.01)


def test_rows_that_all_go_one_way_still_have_an_error() -> None:
    never = slices.gain(np.zeros(500, bool), np.ones(500, bool))
    assert never.gain == -1
    assert never.standard_error == 1 / 500
    assert slices.gain(np.ones(1, bool), np.ones(1, bool)).gain == 0


def test_a_pair_that_repeats_one_of_its_halves_is_left_out() -> None:
    labels = {
        "length": np.array(["a"] * 60 + ["b"] * 40),
        "language": np.array(["en"] * 99 + ["und"]),
        "verified_purchase": np.array(["yes", "no"] * 50),
    }
    found = slices.pairs(labels)
    assert set(found) == {f"{one} and {other}" for one, other in combinations(labels, 2)}
    assert set(found["length and language"]) == {""}
    assert set(found["length and verified_purchase"]) == {
        *("a and yes", "a and no", "b and yes", "b and no"),
    }
