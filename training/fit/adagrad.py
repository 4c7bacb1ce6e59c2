"""Ordinal classifiers that learn from a stream, by AdaGrad over hashed n-grams.

The classifiers of all rows, and beside them those of all rows but each fold's, are columns of one
matrix: a row is counted once for all of them. Rates of their own do for each n-gram what the
log-count ratios do in memory, without any statistics of the labels.
Source: Duchi, Hazan and Singer (2011).
"""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from training.config import ModelConfig
from training.data.dataset import Rows
from training.features.tokens import FloatArray, IntArray
from training.fit.hashed_features import FeatureBatch, HashedFeatures
from training.fit.ordinal import LEVELS
from training.fit.vocabulary import Matrix
from training.model.scorer import Classifiers, Float32Array

L = len(LEVELS)
FIRST_SQUARES = 0.01  # of a gradient, before any was seen: bounds the first steps


class Learner:
    """The classifiers of every view while they learn.

    weights: (m, L * (1 + folds)), m being the n-grams of all views, one view after another. The
    first L columns learn from all rows; each L further ones from all rows but one fold's.
    """

    def __init__(self, features: HashedFeatures, config: ModelConfig, by_star: FloatArray) -> None:
        """by_star: (5,) weights of all rows."""
        self.features, self.views, self.ends = features, len(features.chosen), features.ends
        self.folds, self.rate = config.folds, np.float32(config.streaming.learning_rate)
        width = L * (1 + config.folds)
        self.weights = np.zeros((self.ends[-1], width), np.float32)
        self.squares = np.full((self.ends[-1], L), FIRST_SQUARES, np.float32)
        above = by_star[::-1].cumsum()[::-1][1:]  # (L,) weight of the stars above each level
        odds = np.log((above + 1) / (by_star.sum() - above + 1)).astype(np.float32)
        self.bias = np.tile(odds, (self.views, 1 + config.folds))  # (views, width)
        self.bias_squares = np.ones((self.views, L), np.float32)
        # (width,) the fold that a column never sees; -1: it sees all.
        self.excluded_fold = np.repeat(np.arange(-1, config.folds), L)

    def learn(self, rows: Rows, row_weights: FloatArray) -> None:
        """One step on n rows."""
        n, views = len(rows), self.views
        x = self.features.count(rows).matrix  # (v * n, m)
        scores = (x @ self.weights).reshape(views, n, -1) + self.bias[:, None, :]  # (v, n, width)
        above = np.tile(rows.rating[:, None] > np.array(LEVELS), 1 + self.folds)  # (n, width)
        seen = rows.folds(self.folds)[:, None] != self.excluded_fold  # (n, width)
        error = 1.0 / (1.0 + np.exp(-scores)) - above  # (v, n, width), slope of the log loss
        error *= (seen * row_weights[:, None]).astype(np.float32)
        self._step(x, error.reshape(views * n, -1))
        slope = error.sum(axis=1)  # (v, width)
        self.bias_squares += slope[:, :L] ** 2
        self.bias -= self._rates(self.bias_squares) * slope

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
        # Squares of the columns of all rows set the rates of every fold's columns too.
        squares = self.squares[columns] + slope[:, :L] ** 2  # (k, L)
        self.squares[columns] = squares
        self.weights[columns] -= self._rates(squares) * slope

    def _rates(self, squares: Float32Array) -> Float32Array:
        """(k, width) step sizes from (k, L) sums of squared slopes."""
        rates: Float32Array = np.tile(self.rate / np.sqrt(squares), 1 + self.folds)
        return rates

    def scores(self, batch: FeatureBatch, folds: IntArray) -> FloatArray:
        """(n, views * L) scores of rows by the classifiers that never saw their fold."""
        n, views = len(folds), self.views
        scores = (batch.matrix @ self.weights).reshape(views, n, -1) + self.bias[:, None, :]
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
