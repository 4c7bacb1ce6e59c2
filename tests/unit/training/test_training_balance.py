"""Balance: weights of rows, repeatable."""

import numpy as np

from training.fit.balance import row_weights, star_weights, streamed_weights

RATINGS = np.array([1] * 10 + [2] * 6 + [3] * 6 + [4] * 10 + [5] * 100)
KEYS = np.random.default_rng(0).permutation(len(RATINGS)).astype(np.uint64)


def test_none_leaves_all_rows_alike():
    assert (row_weights(RATINGS, KEYS, "none") == 1).all()


def test_undersampling_cuts_five_stars_to_the_mean_of_the_others():
    weights = row_weights(RATINGS, KEYS, "undersample")
    assert weights[RATINGS == 5].sum() == 8
    assert (weights[RATINGS < 5] == 1).all()


def test_the_same_rows_stay_in_any_order():
    order = np.random.default_rng(1).permutation(len(RATINGS))
    here = row_weights(RATINGS, KEYS, "undersample")
    there = row_weights(RATINGS[order], KEYS[order], "undersample")
    assert set(KEYS[here > 0]) == set(KEYS[order][there > 0])


def test_weights_speak_for_rare_stars_and_have_mean_one():
    weights = row_weights(RATINGS, KEYS, "weights")
    assert weights[RATINGS == 2][0] > weights[RATINGS == 1][0] > weights[RATINGS == 5][0]
    assert abs(weights.mean() - 1) < 1e-12


def test_a_stream_leaves_about_as_many_five_stars_as_memory():
    random = np.random.default_rng(0)
    ratings = random.choice(5, 20_000, p=(0.1, 0.1, 0.1, 0.1, 0.6)) + 1
    keys = random.integers(0, 2**64, len(ratings), np.uint64)
    counts = np.bincount(ratings, minlength=6)[1:6]
    here = row_weights(ratings, keys, "undersample")
    there = streamed_weights(ratings, keys, "undersample", counts)
    assert there[ratings < 5].min() == 1
    assert abs(there.sum() / here.sum() - 1) < 0.02
    assert star_weights(counts, "undersample")[4] == (here[ratings == 5]).mean()


def test_a_stream_weighs_a_row_as_memory_does():
    counts = np.bincount(RATINGS, minlength=6)[1:6]
    for mode in ("none", "weights"):
        some = streamed_weights(RATINGS[:40], KEYS[:40], mode, counts)
        assert np.allclose(some, row_weights(RATINGS, KEYS, mode)[:40])
