"""Views of a review, and which known n-grams occur in each: what every model counts.

A view is a stretch of a review with weights of its own. `short` is title and text together, of
reviews that have few tokens: in these each word says more. `both` is the same of every review, the
one view of the `plain` family. An n-gram is a token or a bigram.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from training.features.tokens import HashArray, IntArray, Tokens, bigram_hashes

VIEWS = ("text", "title", "first", "last", "short")
BOTH = ("both",)
SHORT_TOKENS = 60  # of title and text; 30 tells less of unknown reviews, 100 costs twice the time
WINDOW = 16  # neighbouring cells in which a key may lie: at a quarter full, 16 are enough
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
LOWER_HALF = np.uint64(0xFFFFFFFF)
UPPER = ~LOWER_HALF


class Lookup(Protocol):
    """From hashes to numbers of n-grams; -1 is an unknown one."""

    def find(self, keys: HashArray) -> IntArray:
        """(k,) numbers of (k,) hashes."""

    def unknown(self, tokens: IntArray) -> NDArray[np.bool_]:
        """(t,) whether a token with this number was never learned."""


class Table:
    """An open-addressed hash table from keys to their places, read in a few numpy calls.

    A cell holds the upper half of a key and its place + 1; an empty one is 0. Two keys that
    agree in 32 bits and meet are told apart when the table is built; an unknown key passes for
    a known one once in four billion.
    """

    def __init__(self, keys: HashArray) -> None:
        """keys: distinct."""
        bits = max(10, int(np.ceil(np.log2(max(1, len(keys)) * 4))))
        while not self._build(keys, bits):
            bits += 1

    def _build(self, keys: HashArray, bits: int) -> bool:
        self.shift = np.uint64(64 - bits)
        self.cells = np.zeros((1 << bits) + WINDOW, np.uint64)
        self.windows = np.lib.stride_tricks.sliding_window_view(self.cells, WINDOW)
        cells = keys & UPPER | np.arange(1, len(keys) + 1, dtype=np.uint64)
        place = self._home(keys)
        for _ in range(WINDOW):
            free = self.cells[place] == 0
            self.cells[place[free]] = cells[free]  # of several for one cell the last stays
            left = self.cells[place] != cells
            cells, place = cells[left], place[left] + 1
        return len(cells) == 0 and bool((self.find(keys) == np.arange(len(keys))).all())

    def _home(self, keys: HashArray) -> IntArray:
        home: IntArray = ((keys * GOLDEN) >> self.shift).view(np.int64)
        return home

    def find(self, keys: HashArray) -> IntArray:
        """(k,) places of (k,) keys; -1 for one that is not there."""
        home = self._home(keys)
        cells = self.cells.take(home)  # (k,)
        differs = (cells ^ keys) > LOWER_HALF
        other = (differs & (cells != 0)).nonzero()[0]  # its cell may be one further on
        cells[differs] = 0
        if len(other):
            windows = self.windows[home.take(other)]  # (o, WINDOW)
            same = (windows ^ keys.take(other)[:, None]) <= LOWER_HALF
            hit = same.any(axis=1).nonzero()[0]
            cells[other.take(hit)] = windows[hit, same.argmax(axis=1).take(hit)]
        places: IntArray = (cells & LOWER_HALF).view(np.int64) - 1
        return places

    def unknown(self, tokens: IntArray) -> NDArray[np.bool_]:
        """(t,) whether a token with this number was never learned."""
        return tokens < 0


class HashBuckets:
    """Hashed n-grams: every key has a bucket, some share one, and no n-gram is kept.

    seen_buckets: a bit for each bucket, whether tokens of the training rows fell into it.
    """

    def __init__(self, hash_bits: int, seen_buckets: NDArray[np.uint8]) -> None:
        self.shift = np.uint64(64 - hash_bits)
        self.never = np.unpackbits(seen_buckets) == 0

    def find(self, keys: HashArray) -> IntArray:
        """(k,) buckets, 0 to 2**hash_bits - 1."""
        return ((keys * GOLDEN) >> self.shift).astype(np.int64)

    def unknown(self, tokens: IntArray) -> NDArray[np.bool_]:
        """(t,) whether a token with this number was never learned."""
        never: NDArray[np.bool_] = self.never.take(tokens)
        return never


class NgramCounts(NamedTuple):
    """Known n-grams of a batch of n reviews, sorted by segment and n-gram.

    segment: (m,) view * n + row. ngram: (m,). times: (m,) occurrences.
    number: (2t - 1,) see `numbers`.
    """

    segment: IntArray
    ngram: IntArray
    times: IntArray
    number: IntArray


def numbers(tokens: Tokens, lookup: Lookup) -> IntArray:
    """(2t - 1,) the numbers of all t tokens, then of their bigrams (t + i: tokens i, i + 1)."""
    return lookup.find(np.concatenate((tokens.hash, bigram_hashes(tokens.hash))))


def occurrences(
    tokens: Tokens, views: Sequence[str], edge_tokens: int
) -> tuple[IntArray, IntArray]:
    """Where n-grams stand: their segments, and their places among `numbers`.

    All tokens first, then all bigrams, each stretch by stretch.
    """
    start, length, segment = _spans(tokens, views, edge_tokens)  # (s,) each
    # A stretch of k tokens has k - 1 bigrams, those that begin at all of its tokens but the last:
    # so no bigram crosses from one stretch to the next.
    length = np.concatenate((length, np.maximum(length - 1, 0)))  # (2s,)
    start = np.concatenate((start, start + len(tokens.hash)))  # (2s,)
    return np.concatenate((segment, segment)).repeat(length), _ranges(start, length)


def count(
    tokens: Tokens, lookup: Lookup, views: Sequence[str], edge_tokens: int, size: int
) -> NgramCounts:
    """Count the known n-grams of each view. size: how many numbers the lookup gives out."""
    number = numbers(tokens, lookup)  # (2t - 1,)
    segment, place = occurrences(tokens, views, edge_tokens)  # (o,) each
    ngram = number.take(place)
    cell = (segment * size + ngram)[ngram >= 0]  # one number for segment and n-gram
    cell.sort()  # vectorised: half of the time of a stable one, and equal cells are the same
    edges = run_edges(cell)  # (m + 1,)
    cell = cell.take(edges[:-1])  # (m,)
    segments = cell // size
    return NgramCounts(segments, cell - segments * size, edges[1:] - edges[:-1], number)


def run_edges(values: IntArray) -> IntArray:
    """Where each run of equal values begins, and where the last one ends."""
    is_edge = np.empty(len(values) + 1, np.bool_)
    is_edge[0] = is_edge[-1] = True
    np.not_equal(values[1:], values[:-1], out=is_edge[1:-1])
    return is_edge.nonzero()[0]


def unknown_share(tokens: Tokens, number: IntArray, lookup: Lookup) -> NDArray[np.float64]:
    """(n,) share of a text's tokens that were never learned (0 to 1). number: see `numbers`."""
    n = len(tokens.counts)
    unknown = lookup.unknown(number[: len(tokens.hash)]).nonzero()[0]
    places = unknown.searchsorted(tokens.offsets[n:])
    length = tokens.offsets[n + 1 :] - tokens.offsets[n:-1]
    share: NDArray[np.float64] = (places[1:] - places[:-1]) / np.maximum(length, 1)
    return share


def known_words(tokens: Tokens, number: IntArray, lookup: Lookup) -> IntArray:
    """(n,) words of title and text that were learned. number: see `numbers`."""
    n = len(tokens.counts)
    is_known = tokens.is_word & ~lookup.unknown(number[: len(tokens.hash)])
    before = is_known.nonzero()[0].searchsorted(tokens.offsets)  # (2n + 1,) known ones before
    in_string = before[1:] - before[:-1]  # (2n,): all titles, then all texts
    known: IntArray = in_string[:n] + in_string[n:]
    return known


def _spans(
    tokens: Tokens, views: Sequence[str], edge_tokens: int
) -> tuple[IntArray, IntArray, IntArray]:
    """(s,) first token, number of tokens and segment of every stretch, view by view."""
    n = len(tokens.counts)
    offsets = tokens.offsets
    start, length = offsets[:-1], offsets[1:] - offsets[:-1]  # (2n,) all titles, then all texts
    text = start[n:], length[n:]
    first, last = _edges(tokens, *text, edge_tokens)
    # Two stretches of each segment, title and text: no bigram crosses from one to the other.
    starts, lengths = (column.reshape(2, n).T.ravel() for column in (start, length))  # (2n,)
    stretches = {
        "title": (start[:n], length[:n]),
        "text": text,
        "first": first,
        "last": last,
        "both": (starts, lengths),
    }
    if "short" in views:
        # A field that has no view was never learned from, so nothing may come of it in service.
        read = lengths.reshape(n, 2) * [field in views for field in ("title", "text")]
        read *= read.sum(axis=1, keepdims=True) <= SHORT_TOKENS
        stretches["short"] = starts, read.ravel()
    start, length = (np.concatenate([stretches[view][i] for view in views]) for i in range(2))
    segments = np.arange(len(views) * n).reshape(len(views), n)  # view * n + row
    segment = [
        row.repeat(2) if len(stretches[view][0]) > n else row
        for view, row in zip(views, segments, strict=True)
    ]
    return start, length, np.concatenate(segment)


def _edges(
    tokens: Tokens, start: IntArray, length: IntArray, edge_tokens: int
) -> tuple[tuple[IntArray, IntArray], tuple[IntArray, IntArray]]:
    """Start and length of each text's first sentence, and of its last.

    Each has at least four tokens where the text has them.
    """
    stops = tokens.ends_sentence.nonzero()[0]
    border = np.empty(len(stops) + 2, np.int64)  # the stops, and one on either side of all
    border[0], border[1:-1], border[-1] = -1, stops, len(tokens.hash)
    near = np.minimum(length, edge_tokens)  # (n,)
    # The first stop from the fourth token on, for "Great!" alone is no sentence; likewise, for the
    # last sentence, the last stop that at least four tokens follow. `border` has one entry before
    # the stops, hence + 1; where no stop follows, `near` bounds the sentence.
    after = border.take(stops.searchsorted(start + 3) + 1)  # (n,)
    first = np.minimum(after + 1 - start, near)
    before = border.take(stops.searchsorted(start + length - 5, side="right"))
    last = np.minimum(start + length - (before + 1), near)
    return (start, first), (start + length - last, last)


def _ranges(start: IntArray, length: IntArray) -> IntArray:
    """start[0], start[0] + 1, ... (length[0] of them), start[1], ..."""
    ends = length.cumsum()  # (s,) where each range ends in the result
    total = int(ends[-1]) if len(ends) else 0
    ranges: IntArray = np.arange(total) + (start - ends + length).repeat(length)
    return ranges
