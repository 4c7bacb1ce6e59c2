"""Ordinal classifiers that learn from a stream, by AdaGrad over hashed n-grams.

The classifiers of all rows, and beside them those of all rows but each fold's, are columns of one
matrix: a row is counted once for all of them. Each n-gram learns at a rate of its own, times the
log-count ratio that scales its feature in memory.
Source: Duchi, Hazan and Singer (2011).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.config import ModelConfig, ViewsSettings
from training.data.dataset import Rows
from training.features.tokens import FloatArray, IntArray
from training.fit.hashed_features import FeatureBatch, HashedFeatures
from training.fit.ordinal import LEVELS, ratio_scale
from training.fit.vocabulary import Matrix
from training.model.scorer import Classifiers, Float32Array

L = len(LEVELS)
FIRST_SQUARES = 0.01  # of a gradient, before any was seen: bounds the first steps

Float16Array = NDArray[np.float16]


def rate_scale(
    occurs: NDArray[np.int32], ends: Sequence[int], settings: ViewsSettings
) -> Float16Array:
    """(m, L * (1 + folds)) how much each n-gram says of each column's question.

    occurs: (m, folds, 5) rows of each fold and star that hold an n-gram; a column's scale knows
    no row that the column may not learn from. ends: where the n-grams of each view begin and end.
    A feature times s learns as if its rate were s times as high: AdaGrad divides by the root of
    the squared slopes, so one of the two factors s is lost, and the weight's own stays.
    """
    folds = occurs.shape[1]
    total = occurs.sum(axis=1, dtype=np.int32)  # (m, 5)
    scale = np.empty((len(total), L * (1 + folds)), np.float16)
    for group in range(1 + folds):
        known = total - occurs[:, group - 1] if group else total  # (m, 5)
        for begin, end in pairwise(ends):
            rows = known[begin:end].astype(np.float64)
            for i, level in enumerate(LEVELS):
                scale[begin:end, group * L + i] = ratio_scale(rows, level, settings)
    return scale


class Learner:
    """The classifiers of every view while they learn.

    weights: (m, L * (1 + folds)), m being the n-grams of all views, one view after another. The
    first L columns learn from all rows; each L further ones from all rows but one fold's.
    """

    def __init__(
        self,
        features: HashedFeatures,
        config: ModelConfig,
        by_star: FloatArray,
        scale: Float16Array,
    ) -> None:
        """by_star: (5,) weights of all rows. scale: (m, L * (1 + folds)), see `rate_scale`."""
        self.features, self.views, self.ends = features, len(features.chosen), features.ends
        self.folds, self.rate = config.folds, np.float32(config.streaming.learning_rate)
        width = L * (1 + config.folds)
        self.weights = np.zeros((self.ends[-1], width), np.float32)
        self.squares = np.full((self.ends[-1], width), FIRST_SQUARES, np.float32)
        above = by_star[::-1].cumsum()[::-1][1:]  # (L,) weight of the stars above each level
        odds = np.log((above + 1) / (by_star.sum() - above + 1)).astype(np.float32)
        self.bias = np.tile(odds, (self.views, 1 + config.folds))  # (views, width)
        self.bias_squares = np.ones((self.views, width), np.float32)
        self.scale = scale
        # (width,) the fold that a column never sees; -1: it sees all.
        self.excluded_fold = np.repeat(np.arange(-1, config.folds), L)

    def learn(self, x: Matrix, rows: Rows, row_weights: FloatArray) -> None:
        """One step on n rows. x: (v * n, m) their features, view by view."""
        n, views = len(rows), self.views
        scores = (x @ self.weights).reshape(views, n, -1) + self.bias[:, None, :]  # (v, n, width)
        above = np.tile(rows.rating[:, None] > np.array(LEVELS), 1 + self.folds)  # (n, width)
        seen = rows.folds(self.folds)[:, None] != self.excluded_fold  # (n, width)
        error = 1.0 / (1.0 + np.exp(-scores)) - above  # (v, n, width), slope of the log loss
        error *= (seen * row_weights[:, None]).astype(np.float32)
        error *= _has_ngrams(x, n)
        self._step(x, error.reshape(views * n, -1))
        slope = error.sum(axis=1)  # (v, width)
        self.bias_squares += slope**2
        self.bias -= self.rate / np.sqrt(self.bias_squares) * slope

    def _step(self, x: Matrix, error: Float32Array) -> None:
        """Move the weights of the k n-grams that occur, and of no others.

        x: (v * n, m). error: (v * n, width).
        """
        turned = x.tocsc()
        columns = np.flatnonzero(np.diff(turned.indptr))  # (k,)
        # Columns without a cell take no room in `indices`, so leaving them out of `indptr` gives
        # the transposed matrix of the others without copying a cell.
        ends = np.append(turned.indptr[columns], turned.indptr[-1])
        occurring: Any = csr_matrix(
            (turned.data, turned.indices, ends), shape=(len(columns), x.shape[0])
        )
        slope = occurring @ error  # (k, width)
        # Squares of each column's own: those of all rows would tell a fold's columns which n-grams
        # mislead in the fold's rows, for these learned at a lower rate.
        squares = self.squares[columns] + slope**2  # (k, width)
        self.squares[columns] = squares
        self.weights[columns] -= self.rate / np.sqrt(squares) * self.scale[columns] * slope

    def scores(self, batch: FeatureBatch, folds: IntArray) -> FloatArray:
        """(n, views * L) scores of rows by the classifiers that never saw their fold."""
        n, views = len(folds), self.views
        scores = (batch.matrix @ self.weights).reshape(views, n, -1) + self.bias[:, None, :]
        scores *= _has_ngrams(batch.matrix, n)
        columns = L * (1 + folds)[:, None] + np.arange(L)  # (n, L)
        out = np.take_along_axis(scores, columns[None, :, :], axis=2)  # (v, n, L)
        found: FloatArray = out.transpose(1, 0, 2).reshape(n, -1).astype(np.float64)
        return found

    def classifiers(self) -> dict[str, Classifiers]:
        """The classifiers of all rows, as the scorer takes them."""
        return {
            view: Classifiers(
                ngrams.astype(np.int32),
                idf,
                np.ascontiguousarray(self.weights[self.ends[i] : self.ends[i + 1], :L]),
                self.bias[i, :L].copy(),
            )
            for i, (view, (ngrams, idf)) in enumerate(self.features.chosen.items())
        }


def _has_ngrams(x: Matrix, n: int) -> NDArray[np.bool_]:
    """(v, n, 1) whether a row has n-grams in a view: it neither teaches nor scores without."""
    has: NDArray[np.bool_] = (np.diff(x.indptr) > 0).reshape(-1, n, 1)
    return has
