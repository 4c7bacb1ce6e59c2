"""SVD coordinates of a review's words: where drift is looked for, no input of the model."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.config import Topics
from training.features.tokens import FloatArray, IntArray
from training.model.scorer import Float32Array, Weighed, sum_segments

Float16Array = NDArray[np.float16]


@dataclass(frozen=True)
class Projection:
    """From the first view's TF-IDF to coordinates.

    ngrams: (t,) ascending. weights: (t, d) float32, exactly float16 numbers.
    """

    ngrams: NDArray[np.int32]
    weights: Float32Array

    @cached_property
    def _rows(self) -> IntArray:
        """Row of each n-gram up to the last one that has one; -1: none."""
        rows = np.full(int(self.ngrams[-1]) + 1 if len(self.ngrams) else 1, -1)
        rows[self.ngrams] = np.arange(len(self.ngrams))
        return rows

    def coordinates(self, weighed: Weighed, n: int) -> FloatArray:
        """(n, d) coordinates of n reviews. A review without known words lies at 0."""
        inside = weighed.ngram[: weighed.segment.searchsorted(n)]  # the first view comes first
        near = (inside < len(self._rows)).nonzero()[0]
        row = self._rows.take(inside.take(near))
        known = (row >= 0).nonzero()[0]
        place = near.take(known)
        parts = weighed.value.take(place)[:, None] * self.weights.take(row.take(known), axis=0)
        return sum_segments(parts, weighed.segment.take(place), n)


def fit_projection(matrix: Any, ngrams: IntArray, settings: Topics, seed: int) -> Projection:
    """Decompose the TF-IDF of a sample of rows over their commonest n-grams.

    matrix: (n, m) of the first view, rows in random order. ngrams: (m,) ascending, its columns.
    """
    from sklearn.utils.extmath import randomized_svd

    rows = np.bincount(matrix.indices, minlength=matrix.shape[1])
    columns = np.sort(np.argsort(-rows, kind="stable")[: settings.ngrams])
    columns = columns[rows[columns] > 0]
    sample = matrix[: settings.rows, columns].astype(np.float32)
    d = min(settings.coordinates, *sample.shape)
    weights = np.zeros((len(columns), settings.coordinates), np.float16)
    weights[:, :d] = randomized_svd(sample, d, n_oversamples=10, n_iter=2, random_state=seed)[2].T
    return Projection(ngrams[columns].astype(np.int32), weights.astype(np.float32))
