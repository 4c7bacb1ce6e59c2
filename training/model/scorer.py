"""From counts to probabilities, with numpy alone: what the server runs, and train judges by.

Weights are stored as float32 and every sum is taken in float64, so one review alone, the same
one in a batch, and a plain pipeline of scikit-learn agree far within 1e-6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.features.tokens import FloatArray, IntArray, Tokens, tokenise
from training.features.verified import flags
from training.features.views import Lookup, NgramCounts, count, known_words, run_edges

Float32Array = NDArray[np.float32]
MAX_TIMES = 4096  # 1 + log(times) comes from a table; more occurrences count as so many


@dataclass(frozen=True)
class Classifiers:
    """The linear classifiers of one view: four ordinal ones, or one for each star.

    ngrams: (m,) which n-grams of the vocabulary they weigh. idf: (m,).
    weights: (m, h) for each n-gram and classifier. bias: (h,).
    """

    ngrams: NDArray[np.int32]
    idf: Float32Array
    weights: Float32Array
    bias: Float32Array


@dataclass(frozen=True)
class Net:
    """One hidden layer: relu(x @ inner + inner_bias) @ outer + outer_bias."""

    inner: Float32Array
    inner_bias: Float32Array
    outer: Float32Array
    outer_bias: Float32Array


@dataclass(frozen=True)
class Stack:
    """Nets over standardised scores and counts; their logits are averaged.

    mean, scale: (i,) of the inputs: scores view by view, then counts,
    then the flags of `features.verified` where the model learned them. clip: standard deviations.
    """

    mean: Float32Array
    scale: Float32Array
    clip: float
    nets: tuple[Net, ...]

    @cached_property
    def whole(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """All nets as one wide net with the mean of their logits."""
        share = 1.0 / len(self.nets)
        return (
            np.concatenate([net.inner for net in self.nets], axis=1).astype(np.float64),
            np.concatenate([net.inner_bias for net in self.nets]).astype(np.float64),
            np.concatenate([net.outer for net in self.nets]).astype(np.float64) * share,
            np.stack([net.outer_bias for net in self.nets]).mean(axis=0, dtype=np.float64),
        )

    def inputs(self, scores: FloatArray, counts: FloatArray) -> FloatArray:
        """(n, i) standardised and clipped."""
        x = (np.concatenate((scores, counts), axis=1) - self.mean) / self.scale
        return x.clip(-self.clip, self.clip, out=x)

    def logits(self, inputs: FloatArray) -> FloatArray:
        """(n, 5), each row with mean 0."""
        inner, inner_bias, outer, outer_bias = self.whole
        hidden = inputs @ inner  # (n, nets * hidden)
        hidden += inner_bias
        logits: FloatArray = np.maximum(hidden, 0, out=hidden) @ outer
        logits += outer_bias
        return logits

    def slopes(self, inputs: FloatArray) -> FloatArray:
        """(i, 5) change of the logits with each input, where one row of inputs (i,) stands."""
        inner, inner_bias, outer, _ = self.whole
        slopes: FloatArray = (inner * (inputs @ inner + inner_bias > 0)) @ outer
        slopes[np.abs(inputs) >= self.clip] = 0.0  # a clipped input moves nothing
        return slopes


class Weighed(NamedTuple):
    """The counted n-grams of a batch that carry weight, sorted by segment (view * n + row).

    ngram: (m,). feature: (m,) its place in the weights of its view, those of earlier views before
    them. value: (m,) normalised TF-IDF.
    """

    segment: IntArray
    ngram: IntArray
    feature: NDArray[np.int32]
    value: FloatArray


class Scorer:
    """A model's arithmetic: views, their classifiers, and the stack over them.

    Without a stack the scores of the one view are the logits. Under a stack a view without n-grams
    scores 0: its bias differs from fold to fold, and would say nothing else. base_rates: (5,)
    shares of the training rows, the answer to a review without a known word. reads_verified:
    whether the training rows said if a purchase was verified. verified_weights: (2, 5) of the
    flags, without a stack.
    """

    def __init__(
        self,
        lookup: Lookup,
        size: int,
        classifiers: dict[str, Classifiers],
        stack: Stack | None,
        edge_tokens: int,
        base_rates: FloatArray,
        reads_verified: bool = False,
        verified_weights: Float32Array | None = None,
    ) -> None:
        self.lookup, self.size, self.stack, self.edge_tokens = lookup, size, stack, edge_tokens
        self.base_rates = base_rates
        self.reads_verified, self.verified_weights = reads_verified, verified_weights
        self.views = tuple(classifiers)
        of_views = classifiers.values()
        self.bias = np.stack([c.bias for c in of_views]).astype(np.float64)  # (views, h)
        self.idf = np.concatenate([c.idf for c in of_views])  # (f,), f features of all views
        self.weights = np.concatenate([c.weights for c in of_views])  # (f, h)
        # Features of each n-gram, those of all views side by side: mostly several look for it.
        self.features = np.full(size * len(classifiers), -1, np.int32)
        begin = 0
        for view, one in enumerate(of_views):
            cells = one.ngrams.astype(np.int64) * len(classifiers) + view
            self.features[cells] = np.arange(begin, begin + len(cells))
            begin += len(cells)
        self.log_times = 1.0 + np.log(np.maximum(np.arange(MAX_TIMES), 1))

    def count(self, tokens: Tokens) -> NgramCounts:
        """Count what this model knows."""
        return count(tokens, self.lookup, self.views, self.edge_tokens, self.size)

    def weigh(self, counts: NgramCounts, n: int) -> Weighed:
        """TF-IDF of every n-gram that carries weight: 1 + log(times), L2 norm 1 in each segment."""
        feature = self.features.take(counts.ngram * len(self.views) + counts.segment // n)
        known = (feature >= 0).nonzero()[0]  # (m,) of those counted
        feature = feature.take(known)
        segment = counts.segment.take(known)
        times = counts.times.take(known)
        value = self.log_times.take(times, mode="clip") * self.idf.take(feature)
        lengths = np.bincount(segment, value * value, minlength=1)  # (segments up to the last,)
        value /= np.sqrt(lengths).take(segment)
        return Weighed(segment, counts.ngram.take(known), feature, value)

    def scores(self, weighed: Weighed, n: int) -> FloatArray:
        """(n, views * h) scores, view by view."""
        parts = weighed.value[:, None] * self.weights.take(weighed.feature, axis=0)  # (m, h)
        segments = n * len(self.views)
        scores = sum_segments(parts, weighed.segment, segments)  # (views * n, h)
        bias = self.bias.repeat(n, axis=0)  # (views * n, h)
        if self.stack is not None:
            bias *= np.bincount(weighed.segment, minlength=segments)[:, None] > 0
        scores = (scores + bias).reshape(len(self.views), n, -1)  # (views, n, h)
        return scores.transpose(1, 0, 2).reshape(n, -1)

    def logits(
        self, weighed: Weighed, counts: FloatArray, verified: ArrayLike | None = None
    ) -> FloatArray:
        """(n, 5) logits of n reviews with what is counted in them. verified: see `flags`."""
        return self.combine(self.scores(weighed, len(counts)), counts, verified)

    def combine(
        self, scores: FloatArray, counts: FloatArray, verified: ArrayLike | None
    ) -> FloatArray:
        """(n, 5) logits from scores, counts and flags."""
        if self.stack is not None:
            return self.stack.logits(self.inputs(scores, counts, verified))
        if self.verified_weights is None:
            return scores
        logits: FloatArray = scores + flags(verified, len(scores)) @ self.verified_weights
        return logits

    def inputs(
        self, scores: FloatArray, counts: FloatArray, verified: ArrayLike | None
    ) -> FloatArray:
        """(n, i) what the stack sees; a model that never saw a flag does not see one now."""
        assert self.stack is not None
        if self.reads_verified:
            counts = np.concatenate((counts, flags(verified, len(counts))), axis=1)
        return self.stack.inputs(scores, counts)

    def probabilities(
        self, titles: Sequence[str], texts: Sequence[str], verified: ArrayLike | None = None
    ) -> FloatArray:
        """(n, 5) P(1..5) of n reviews, all at once. verified: (n,) 1 yes, 0 no, -1 not said."""
        if not titles:
            return np.zeros((0, 5))
        tokens = tokenise(titles, texts)
        counts = self.count(tokens)
        return self.judge(tokens, counts, self.weigh(counts, len(titles)), verified)[0]

    def judge(
        self,
        tokens: Tokens,
        counts: NgramCounts,
        weighed: Weighed,
        verified: ArrayLike | None = None,
    ) -> tuple[FloatArray, IntArray]:
        """(n, 5) P(1..5) and (n,) known words of n reviews.

        Where no word is known, length and punctuation alone would make a sure answer of nothing:
        such a review gets the base rates.
        """
        p = softmax(self.logits(weighed, tokens.counts, verified))
        known = known_words(tokens, counts.number, self.lookup)
        p[known == 0] = self.base_rates
        return p, known


def sum_segments(parts: FloatArray, segment: IntArray, segments: int) -> FloatArray:
    """(segments, w) sums of (m, w) parts, sorted by segment; a segment without parts is 0."""
    sums = np.zeros((segments, parts.shape[1]))
    if len(parts):
        first = run_edges(segment)[:-1]  # where each segment that occurs begins
        sums[segment.take(first)] = np.add.reduceat(parts, first, axis=0)
    return sums


def softmax(logits: FloatArray) -> FloatArray:
    """Rows that sum to 1."""
    p: FloatArray = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p
