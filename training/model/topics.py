"""SVD coordinates of a review's text: where drift is looked for, no input of the model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.features.tokens import FloatArray, IntArray
from training.model.scorer import Float32Array, Weighed, sum_segments


@dataclass(frozen=True)
class Projection:
    """From the first view's TF-IDF to coordinates; `training.fit.projection` fits it.

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
        """(n, d) coordinates of n reviews. A review without known n-grams lies at 0."""
        # Segments ascend and the first view comes first: its n-grams are those before segment n.
        inside = weighed.ngram[: weighed.segment.searchsorted(n)]
        near = (inside < len(self._rows)).nonzero()[0]
        row = self._rows.take(inside.take(near))
        known = (row >= 0).nonzero()[0]
        place = near.take(known)  # (k,) places among the weighed n-grams
        parts = weighed.value.take(place)[:, None] * self.weights.take(row.take(known), axis=0)
        return sum_segments(parts, weighed.segment.take(place), n)  # (k, d) -> (n, d)
