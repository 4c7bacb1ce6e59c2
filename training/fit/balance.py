"""Weights of training rows: what to do about five stars being most of all reviews."""

import numpy as np
from numpy.typing import NDArray

from training.config import Balance
from training.features.tokens import FloatArray, IntArray


def row_weights(ratings: IntArray, review_keys: NDArray[np.uint64], mode: Balance) -> FloatArray:
    """(n,) weights; 0 leaves a row out.

    undersample: five stars are cut to the mean of the other stars, by smallest key, so that the
    same rows stay each time. weights: the root of what would make all stars count the same; the
    whole of it costs 2 points of accuracy more.
    """
    counts = np.bincount(ratings, minlength=6)[1:6]
    weights = star_weights(counts, mode)[ratings - 1]
    if mode == "undersample":
        top = np.flatnonzero(ratings == 5)
        weights[top] = 1.0
        weights[top[np.argsort(review_keys[top], kind="stable")][_room(counts) :]] = 0.0
    return weights


def streamed_weights(
    ratings: IntArray, review_keys: NDArray[np.uint64], mode: Balance, counts: IntArray
) -> FloatArray:
    """The same of some rows only. counts: (5,) of all rows, by star.

    undersample: keys are hashes, so the smallest share of them lies below a threshold; how many
    five stars stay is right on average.
    """
    share = star_weights(counts, mode)
    if mode == "undersample":
        return np.where((ratings == 5) & (review_keys >= share[4] * 2.0**64), 0.0, 1.0)
    return share[ratings - 1]


def star_weights(counts: IntArray, mode: Balance) -> FloatArray:
    """(5,) mean weight of the rows of each star, of which there are so many."""
    weights = np.ones(5)
    if mode == "undersample":
        weights[4] = min(1.0, _room(counts) / max(1, int(counts[4])))
    if mode == "weights":
        weights = np.sqrt(counts.sum() / (5.0 * np.maximum(counts, 1)))
        weights *= counts.sum() / (weights * counts).sum()
    return weights


def _room(counts: IntArray) -> int:
    """How many five stars undersampling keeps."""
    others: list[int] = counts[:4].tolist()
    return round(sum(others) / max(1, sum(count > 0 for count in others)))
