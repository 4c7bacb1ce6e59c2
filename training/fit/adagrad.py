"""Heads that learn from a stream: AdaGrad (Duchi, Hazan and Singer, 2011) over hashed n-grams.

The heads of all rows, and beside them those of all rows but each fold's, are columns of one
matrix: a row is counted once for all of them. Rates of their own do for each n-gram what the
log-count ratios do in memory, without any statistics of the labels.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from training.config import ModelConfig
from training.data.dataset import Rows
from training.features.tokens import FloatArray, IntArray, tokenise
from training.features.views import Lookup
from training.fit.ordinal import LEVELS
from training.fit.vocabulary import Matrix
from training.model.scorer import Float32Array, Heads, Scorer

H = len(LEVELS)
FIRST_SQUARES = 0.01  # of a gradient, before any was seen: bounds the first steps


class Batch(NamedTuple):
    """n rows as numbers. features: (views * n, m) TF-IDF, view by view. counts: (n, c)."""

    features: Matrix
    counts: FloatArray


class Learner:
    """Heads while they learn."""

    def __init__(
        self,
        lookup: Lookup,
        size: int,
        known: Mapping[str, tuple[IntArray, Float32Array]],
        config: ModelConfig,
        by_star: FloatArray,
    ) -> None:
        """known: view -> the n-grams (m,) that it weighs, and their idf. by_star: (5,) weights."""
        self.folds, self.rate = config.folds, np.float32(config.streaming.learning_rate)
        blank = {
            view: Heads(ngrams.astype(np.int32), idf, *_no_weights(len(ngrams)))
            for view, (ngrams, idf) in known.items()
        }
        self.known = blank
        self.counter = Scorer(lookup, size, blank, None, config.views.edge_tokens)
        self.ends = np.cumsum([0, *(len(heads.ngrams) for heads in blank.values())]).tolist()
        width = H * (1 + config.folds)
        self.weights = np.zeros((self.ends[-1], width), np.float32)
        self.squares = np.full((self.ends[-1], H), FIRST_SQUARES, np.float32)
        above = by_star[::-1].cumsum()[::-1][1:]
        odds = np.log((above + 1) / (by_star.sum() - above + 1)).astype(np.float32)
        self.bias = np.tile(odds, (len(blank), 1 + config.folds))
        self.bias_squares = np.ones((len(blank), H), np.float32)
        self.left_out = np.repeat(np.arange(-1, config.folds), H)  # (width,) fold a head never sees

    def count(self, rows: Rows) -> Batch:
        """Rows as numbers."""
        n, tokens = len(rows), tokenise(rows.title, rows.text)
        weighed = self.counter.weigh(self.counter.count(tokens), n)
        segments = n * len(self.known)
        ends = np.zeros(segments + 1, np.int32)
        np.cumsum(np.bincount(weighed.segment, minlength=segments), out=ends[1:])
        content = (weighed.value.astype(np.float32), weighed.feature, ends)
        return Batch(csr_matrix(content, shape=(segments, self.ends[-1])), tokens.counts)

    def learn(self, rows: Rows, row_weights: FloatArray) -> None:
        """One step."""
        n, views = len(rows), len(self.known)
        x = self.count(rows).features
        scores = (x @ self.weights).reshape(views, n, -1) + self.bias[:, None, :]
        above = np.tile(rows.rating[:, None] > np.array(LEVELS), 1 + self.folds)
        seen = rows.folds(self.folds)[:, None] != self.left_out
        error = 1.0 / (1.0 + np.exp(-scores)) - above
        error *= (seen * row_weights[:, None]).astype(np.float32)
        self._step(x, error.reshape(views * n, -1))
        slope = error.sum(axis=1)
        self.bias_squares += slope[:, :H] ** 2
        self.bias -= self._rates(self.bias_squares) * slope

    def _step(self, x: Matrix, error: Float32Array) -> None:
        """Move the weights of the n-grams that occur, and of no others."""
        turned = x.tocsc()
        columns = np.flatnonzero(np.diff(turned.indptr))
        ends = np.append(turned.indptr[columns], turned.indptr[-1])
        occurring: Any = csr_matrix(
            (turned.data, turned.indices, ends), shape=(len(columns), x.shape[0])
        )
        slope = occurring @ error
        squares = self.squares[columns] + slope[:, :H] ** 2
        self.squares[columns] = squares
        self.weights[columns] -= self._rates(squares) * slope

    def _rates(self, squares: Float32Array) -> Float32Array:
        rates: Float32Array = np.tile(self.rate / np.sqrt(squares), 1 + self.folds)
        return rates

    def scores(self, batch: Batch, folds: IntArray) -> FloatArray:
        """(n, views * levels) scores of rows by the heads that never saw their fold."""
        n, views = len(folds), len(self.known)
        scores = (batch.features @ self.weights).reshape(views, n, -1) + self.bias[:, None, :]
        columns = H * (1 + folds)[:, None] + np.arange(H)
        out = np.take_along_axis(scores, columns[None, :, :], axis=2)
        found: FloatArray = out.transpose(1, 0, 2).reshape(n, -1).astype(np.float64)
        return found

    def heads(self) -> dict[str, Heads]:
        """The heads of all rows, as the scorer takes them."""
        return {
            view: Heads(
                blank.ngrams,
                blank.idf,
                np.ascontiguousarray(self.weights[self.ends[i] : self.ends[i + 1], :H]),
                self.bias[i, :H].copy(),
            )
            for i, (view, blank) in enumerate(self.known.items())
        }


def _no_weights(ngrams: int) -> tuple[Float32Array, Float32Array]:
    return np.zeros((ngrams, 0), np.float32), np.zeros(0, np.float32)
