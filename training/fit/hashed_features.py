"""Rows of a stream as numbers: the TF-IDF of the hashed n-grams that each view weighs."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from training.data.dataset import Rows
from training.features.tokens import FloatArray, IntArray, tokenise
from training.features.views import Lookup
from training.fit.vocabulary import Matrix
from training.model.scorer import Classifiers, Float32Array, Scorer


class FeatureBatch(NamedTuple):
    """n rows as numbers. matrix: (views * n, m) TF-IDF, view by view. counts: (n, c)."""

    matrix: Matrix
    counts: FloatArray


class HashedFeatures:
    """Counts rows as the model will in service, before there are any weights.

    ends: where the columns of each view begin, and where the last ones end.
    """

    def __init__(
        self,
        lookup: Lookup,
        size: int,
        chosen: Mapping[str, tuple[IntArray, Float32Array]],
        edge_tokens: int,
    ) -> None:
        """chosen: view -> the n-grams (m,) that it weighs, and their idf. size: of the lookup."""
        self.chosen = chosen
        blank = {
            view: Classifiers(
                ngrams.astype(np.int32),
                idf,
                np.zeros((len(ngrams), 0), np.float32),
                np.zeros(0, np.float32),
            )
            for view, (ngrams, idf) in chosen.items()
        }
        # It only counts and weighs: what it would answer is never asked.
        self.scorer = Scorer(lookup, size, blank, None, edge_tokens, np.full(5, 0.2))
        self.ends: list[int] = np.cumsum([0, *(len(n) for n, _ in chosen.values())]).tolist()

    def count(self, rows: Rows) -> FeatureBatch:
        """Rows as numbers."""
        n, tokens = len(rows), tokenise(rows.title, rows.text)
        weighed = self.scorer.weigh(self.scorer.count(tokens), n)
        segments = n * len(self.chosen)
        # Weighed n-grams come sorted by segment (view * n + row), so counting them gives a CSR
        # matrix with one row for each segment, without any sorting.
        ends = np.zeros(segments + 1, np.int32)
        np.cumsum(np.bincount(weighed.segment, minlength=segments), out=ends[1:])
        content = (weighed.value.astype(np.float32), weighed.feature, ends)
        return FeatureBatch(csr_matrix(content, shape=(segments, self.ends[-1])), tokens.counts)
