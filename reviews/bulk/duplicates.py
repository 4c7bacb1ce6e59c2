"""Duplicates are found by their keys, of which a bounded number is remembered."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reviews.counts import REMEMBERED_ROWS

Keys = NDArray[np.uint64]
FIRST_BITS = 14  # 128 KiB: a Lambda with a small shard need not fill more
MAX_LOAD = 0.6  # share of slots in use; beyond it, walks from slot to slot get long
MOVED_AT_ONCE = 1 << 14  # slots: a copy of all would double the memory


class Seen:
    """A set of 64-bit hashes: open addressing, 8 bytes a slot, 13 to 27 MB a million keys.

    limit: how many keys are remembered. Past that it still finds those that it knows; all others
    count as new.
    """

    def __init__(self, limit: int = REMEMBERED_ROWS) -> None:
        self._limit = limit
        self._bits = FIRST_BITS
        self._slots: Keys = np.zeros(1 << self._bits, np.uint64)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, keys: Keys) -> tuple[NDArray[np.bool_], bool]:
        """Remember keys, (n,). -> (which are met for the first time, (n,); whether they are kept).

        Of equal keys the first in the array is new.
        """
        keys = np.where(keys == 0, np.uint64(1), keys)  # zero marks a free slot
        fresh = np.zeros(len(keys), np.bool_)
        distinct, first = np.unique(keys, return_index=True)  # (distinct,) each; first: in `keys`
        is_remembering = self._size + len(distinct) <= self._limit
        if is_remembering:
            self._grow(self._size + len(distinct))
        fresh[first] = self._meet(distinct, is_remembering)
        if is_remembering:
            self._size += int(fresh.sum())
        return fresh, is_remembering

    def _meet(self, keys: Keys, is_remembering: bool) -> NDArray[np.bool_]:
        """Whether each of some distinct keys, (n,), is new; all walk from slot to slot together.

        Invariant: `left` are the keys that met only other keys so far. Every turn each of them
        looks at its next slot, and leaves where that holds the key itself or is free.
        """
        fresh = np.zeros(len(keys), np.bool_)
        slot = (keys >> np.uint64(64 - self._bits)).astype(np.int64)  # (n,), from the first bits
        left: NDArray[Any] = np.arange(len(keys))
        while len(left):
            at, key = slot[left], keys[left]  # (left,)
            found = self._slots[at]
            is_free = found == 0
            if is_remembering:
                # Several keys may write to one free slot: the last gets it, the others go on.
                self._slots[at[is_free]] = key[is_free]
                is_free &= self._slots[at] == key
            fresh[left[is_free]] = True
            left = left[~(is_free | (found == key))]
            slot[left] = (slot[left] + 1) & (len(self._slots) - 1)
        return fresh

    def _grow(self, size: int) -> None:
        while size > len(self._slots) * MAX_LOAD:
            old = self._slots
            self._bits += 1
            self._slots = np.zeros(1 << self._bits, np.uint64)
            for first in range(0, len(old), MOVED_AT_ONCE):
                some = old[first : first + MOVED_AT_ONCE]
                self._meet(some[some != 0], is_remembering=True)
