"""The certain-English test for a thousand samples at once.

The first 8 bytes of a word are one integer, which a perfect hash of the word lists finds. Distinct
English words are counted from below (by 63 bits, where two words may share one) and from above
(with repeats). The rule is monotone in their number: where it holds for the lower count it holds,
where it fails for the upper count it fails, and only what lies between is counted one by one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reviews.language.english import ENGLISH, OTHERS

U8 = np.uint64
MAX_WORD_BYTES = 16  # of the longest word in the lists: two 8-byte integers
HASH_BITS = 15  # 32,768 places for 400 words: a factor without collisions is soon found
OTHER_BIT = 63  # set by a word of another language; the 63 below it by English words
WHITE_SPACE = (0, 9, 10, 11, 12, 13, 28, 29, 30, 31, 32)  # what str.split splits at in ASCII

NO, YES, ASK = 0, 1, 2


class CertainEnglish:
    """`is_certainly_english` for many ASCII samples without zero bytes."""

    def __init__(self) -> None:
        words = sorted(word for word in ENGLISH | OTHERS if word.isascii())
        assert max(map(len, words)) <= MAX_WORD_BYTES
        both = b"".join(word.encode().ljust(MAX_WORD_BYTES, b"\0") for word in words)
        heads = np.frombuffer(both, "<u8")[::2]  # (listed words,), each word's first 8 bytes
        # Entry 0 of the arrays below is "no word of the lists": the hash table gives it for
        # every free place.
        self._head = np.concatenate(([U8(0)], heads))
        self._tail = [b"", *(word[8:].encode() for word in words)]
        self._size = np.array([0, *map(len, words)])
        self._factor, places = _perfect_hash(heads + self._size[1:].astype(U8))
        self._table = np.zeros(1 << HASH_BITS, np.int16)
        self._table[places] = np.arange(1, len(words) + 1)
        self._is_english = np.array([False, *(word in ENGLISH for word in words)])
        is_other = np.array([False, *(word in OTHERS for word in words)])
        bit = (np.cumsum(self._is_english) % OTHER_BIT).astype(U8)
        self._bit = np.where(self._is_english, U8(1) << bit, U8(0))
        self._bit |= np.where(is_other, U8(1) << U8(OTHER_BIT), U8(0))
        # mask[n]: keeps the first n of 8 bytes.
        self._mask = np.array([(1 << 8 * min(n, 8)) - 1 for n in range(9)], U8)
        lower = bytearray(bytes(range(256)).lower())
        for space in WHITE_SPACE:
            lower[space] = 0
        self._lower = bytes(lower)

    def __call__(self, samples: Sequence[str]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """-> (YES, NO, or ASK: `is_certainly_english` decides; distinct English words or fewer).

        Both (n,). A sample that is to be skipped is an empty string: NO, 0.
        """
        text = "\0" + "\0".join(samples) + "\0" * (MAX_WORD_BYTES + 1)
        raw = text.encode().translate(self._lower)
        starts, sizes = _words(raw)  # (words of all samples,) each
        hits, word = self._find(raw, starts, sizes)  # (hits,) each
        limits = np.zeros(len(samples) + 1, np.int64)  # sample i is raw[limits[i]:limits[i + 1]]
        np.cumsum(np.fromiter(map(len, samples), np.int64, len(samples)) + 1, out=limits[1:])
        first = np.searchsorted(starts, limits)  # (n + 1,), of each sample in the words
        words = np.diff(first)  # (n,)
        first = np.searchsorted(hits, first)  # (n + 1,), of each sample in the hits
        has_hit = np.flatnonzero(first[1:] > first[:-1])  # reduceat takes no empty runs
        bits = np.zeros(len(samples), U8)
        upper = np.zeros(len(samples), np.int64)
        if len(has_hit):
            bits[has_hit] = np.bitwise_or.reduceat(self._bit[word], first[has_hit])
            is_english = self._is_english[word].astype(np.int64)
            upper[has_hit] = np.add.reduceat(is_english, first[has_hit])
        is_other = bits >> U8(OTHER_BIT) != 0
        lower = np.bitwise_count(bits & U8((1 << OTHER_BIT) - 1)).astype(np.int64)  # (n,)
        answer = np.where(_is_enough(lower, words), YES, ASK)
        return np.where(is_other | ~_is_enough(upper, words), NO, answer).astype(np.int8), lower

    def _find(
        self, raw: bytes, starts: NDArray[Any], sizes: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """-> (which words of the text are in the lists, which of the lists' words they are).

        starts, sizes: (m,), the words of `raw`, which ends in MAX_WORD_BYTES zeros at least.
        """
        # The 8 bytes from every place on, without a copy: element i overlaps the next seven.
        eights: NDArray[Any] = np.ndarray(len(raw) - 8, "<u8", raw, strides=(1,))
        heads = eights[starts]  # (m,)
        heads &= self._mask[np.minimum(sizes, 8)]
        word = self._table[_hashed(heads + sizes.astype(U8), self._factor)]
        hits = np.flatnonzero(word)
        word = word[hits]  # (hits,), of which some only share a place with a listed word
        is_same = (self._head[word] == heads[hits]) & (self._size[word] == sizes[hits])
        for i in np.flatnonzero(is_same & (self._size[word] > 8)).tolist():  # one in fifty
            tail = starts[hits[i]] + 8
            is_same[i] = raw.startswith(self._tail[word[i]], tail)
        return hits[is_same], word[is_same]


def _words(raw: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where words begin, and how long they are; zero bytes part them, one at each end."""
    is_letter = np.frombuffer(raw, np.bool_)  # any byte but zero is True
    edges = np.flatnonzero(is_letter[1:] != is_letter[:-1]) + 1  # beginning, end, beginning, …
    return edges[0::2], edges[1::2] - edges[0::2]


def _is_enough(english: NDArray[Any], words: NDArray[Any]) -> NDArray[np.bool_]:
    """The rule of `is_certainly_english` by counts, (n,) each: English words and words."""
    enough: NDArray[np.bool_] = (english >= 2) & (english * 10 >= words)
    return enough | ((english > 0) & (words <= 8))


def _hashed(keys: NDArray[Any], factor: np.uint64) -> NDArray[Any]:
    """Places of keys, (n,): the highest HASH_BITS of a product modulo 2**64."""
    places: NDArray[Any] = (keys * factor) >> U8(64 - HASH_BITS)
    return places


def _perfect_hash(keys: NDArray[Any]) -> tuple[np.uint64, NDArray[Any]]:
    """A factor under which no two keys share a place; the same one in every process."""
    random = np.random.default_rng(1)
    while True:
        factor = random.integers(1, 1 << 63, dtype=U8) | U8(1)
        places = _hashed(keys, factor)
        if len(np.unique(places)) == len(keys):
            return factor, places
