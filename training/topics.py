"""SVD coordinates of a review's words: where drift is looked for, no input of the model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.config import Topics
from training.scorer import Float32Array, Weighed, sum_segments
from training.tokens import FloatArray, IntArray

Float16Array = NDArray[np.float16]


@dataclass(frozen=True)
class Projection:
    """From the first view's TF-IDF to coordinates.

    weights: (t, d) float32, exactly float16 numbers, for the first t n-grams of the vocabulary.
    """

    weights: Float32Array

    def coordinates(self, weighed: Weighed, n: int) -> FloatArray:
        """(n, d) coordinates of n reviews. A review without known words lies at 0."""
        inside = weighed.ngram[: weighed.segment.searchsorted(n)]  # the first view comes first
        known = (inside < len(self.weights)).nonzero()[0]
        parts = weighed.value.take(known)[:, None] * self.weights.take(inside.take(known), axis=0)
        return sum_segments(parts, weighed.segment.take(known), n)


def fit_projection(matrix: Any, chosen: IntArray, settings: Topics, seed: int) -> Projection:
    """Decompose the TF-IDF of a sample of rows.

    matrix: (n, m) of the first view, rows in random order. chosen: (m,) ascending places of its
    columns in the vocabulary.
    """
    from sklearn.utils.extmath import randomized_svd

    columns = np.flatnonzero(chosen < settings.ngrams)
    sample = matrix[: settings.rows, columns].astype(np.float32)
    d = min(settings.coordinates, *sample.shape)
    base = randomized_svd(sample, d, n_oversamples=10, n_iter=2, random_state=seed)[2]
    places = chosen[columns]
    weights = np.zeros((int(places.max()) + 1, settings.coordinates), np.float16)
    weights[places, :d] = base.T
    return Projection(weights.astype(np.float32))
