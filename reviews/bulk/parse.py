"""Parses a chunk of lines: at once where every line is one object, else line by line."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from reviews.limits import MAX_LINE_BYTES
from reviews.record import (
    OnChange,
    Rejected,
    Review,
    WideReview,
    is_blank,
    read_record,
    unusable_reason,
)
from reviews.source import Chunk

BLOCK = 64  # lines that are parsed together where a chunk cannot be: one bad line costs so many

OPEN, CLOSE, NEWLINE = b"{}\n"


@dataclass(slots=True)
class Parsed:
    """The usable reviews of a chunk. line_of: the line of each; None: review i stands in line i."""

    reviews: list[Any]
    line_of: list[int] | None
    read: int
    blank: int


class Lines:
    """The lines of a chunk by their number in it, from 0."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self.bytes = np.frombuffer(chunk.data, np.uint8)
        self.ends: NDArray[Any] = np.flatnonzero(self.bytes == NEWLINE)  # (n,)
        self.starts = np.empty_like(self.ends)
        self.starts[0] = 0
        self.starts[1:] = self.ends[:-1] + 1

    def __len__(self) -> int:
        return len(self.ends)

    def line(self, i: int) -> bytes:
        """One line without its newline."""
        return self._chunk.data[self.starts[i] : self.ends[i]]

    def block(self, first: int, end: int) -> bytes:
        """Several lines, each with its newline."""
        if (first, end) == (0, len(self)):
            return self._chunk.data
        return self._chunk.data[self.starts[first] : self.ends[end - 1] + 1]

    def reject(self, reason: str, i: int) -> Rejected:
        """Reject a line for a reason."""
        offset = self._chunk.offset + int(self.starts[i])
        return Rejected(reason, self.line(i), offset, self._chunk.number + i)

    def are_whole(self) -> NDArray[np.bool_]:
        """Which lines, (n,), begin and end as an object does, are UTF-8 and not too long.

        Invariant: if a run of such lines decodes to as many objects as it has lines, there is one
        object in each: no object can span the `}`, newline, `{` between two of them.
        """
        whole: NDArray[np.bool_] = (self.bytes[self.starts] == OPEN) & (
            self.bytes[self.ends - 1] == CLOSE
        )
        whole &= self.ends - self.starts <= MAX_LINE_BYTES
        if not self._chunk.data.isascii():
            # The line of each byte that is not ASCII: the first that ends behind it.
            others = np.searchsorted(self.ends, np.flatnonzero(self.bytes >= 128))
            for i in np.unique(others).tolist():
                try:
                    self.line(i).decode()
                except UnicodeDecodeError:
                    whole[i] = False
        return whole


class Parser:
    """Parses chunks into Review, or WideReview where `wide`."""

    def __init__(
        self, on_reject: Callable[[Rejected], None], on_change: OnChange, *, wide: bool = False
    ) -> None:
        self._on_reject = on_reject
        self._on_change = on_change
        self._wide = wide
        kind: type[Review] = WideReview if wide else Review
        self._decoder = msgspec.json.Decoder(kind)

    def parse(self, lines: Lines) -> Parsed:
        """The reviews whose rating and text can be used; the others are rejected."""
        whole = lines.are_whole()
        parsed = self._all_at_once(lines) if whole.all() else None
        if parsed is None:
            parsed = Parsed([], [], 0, 0)
            for first, end in _blocks(whole):
                self._block(lines, first, end, bool(whole[first]), parsed)
        return self._fit(parsed, lines)

    def _all_at_once(self, lines: Lines) -> Parsed | None:
        reviews = self._decode(lines, 0, len(lines))
        return reviews and Parsed(reviews, None, len(reviews), 0)

    def _decode(self, lines: Lines, first: int, end: int) -> Any:
        try:
            reviews = self._decoder.decode_lines(lines.block(first, end))
        except (msgspec.MsgspecError, RecursionError):
            return None
        return reviews if len(reviews) == end - first else None

    def _block(self, lines: Lines, first: int, end: int, whole: bool, parsed: Parsed) -> None:
        assert parsed.line_of is not None
        if whole and (reviews := self._decode(lines, first, end)):
            parsed.reviews += reviews
            parsed.line_of += range(first, end)
            parsed.read += end - first
            return
        for i in range(first, end):
            if is_blank(line := lines.line(i)):
                parsed.blank += 1
                continue
            parsed.read += 1
            review = read_record(line, wide=self._wide, on_change=self._on_change)
            if isinstance(review, Rejected):
                self._on_reject(lines.reject(review.reason, i))
            else:
                parsed.reviews.append(review)
                parsed.line_of.append(i)

    def _fit(self, parsed: Parsed, lines: Lines) -> Parsed:
        """Reject the reviews whose rating or text cannot be used."""
        ratings = [review.rating for review in parsed.reviews]
        if STARS.issuperset(ratings) and all(review.text is not None for review in parsed.reviews):
            return parsed
        places = parsed.line_of or range(len(parsed.reviews))
        fit = Parsed([], [], parsed.read, parsed.blank)
        assert fit.line_of is not None
        for review, i in zip(parsed.reviews, places, strict=True):
            if reason := unusable_reason(review):
                self._on_reject(lines.reject(reason, i))
            else:
                fit.reviews.append(review)
                fit.line_of.append(i)
        return fit


STARS = frozenset((1.0, 2.0, 3.0, 4.0, 5.0))


def _blocks(whole: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, end) of runs of at most BLOCK lines that are all whole, or none of them."""
    turns = (np.flatnonzero(whole[1:] != whole[:-1]) + 1).tolist()
    steps = range(0, len(whole), BLOCK)
    edges = sorted({*turns, *steps, len(whole)})
    return list(pairwise(edges))
