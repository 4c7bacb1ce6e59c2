"""Parses a chunk of lines: at once where every line is one object, else line by line."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from reviews.almost_json import from_literal
from reviews.limits import MAX_LINE_BYTES
from reviews.record import (
    KINDS,
    EarlierReview,
    OnChange,
    Rejected,
    is_blank,
    is_earlier,
    read_record,
    schema_of,
    unusable_reason,
)
from reviews.source import Chunk

BLOCK = 64  # lines that are parsed together where a chunk cannot be: one bad line costs so many

OPEN, CLOSE, NEWLINE, QUOTE, LOWER_U = b"{}\n'u"


@dataclass(slots=True)
class Parsed:
    """The usable reviews of a chunk.

    line_of: the line of each; None: review i stands in line i. schemas: of each; None: all of 2023.
    """

    reviews: list[Any]
    line_of: list[int] | None
    read: int
    blank: int
    schemas: list[str] | None = None


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

    def are_literals(self) -> NDArray[np.bool_]:
        """Which lines, (n,), begin as Python dicts are printed; see `almost_json.is_literal`."""
        second = self.bytes.take(self.starts + 1, mode="clip")
        third = self.bytes.take(self.starts + 2, mode="clip")
        literal: NDArray[np.bool_] = (second == QUOTE) | ((second == LOWER_U) & (third == QUOTE))
        literal &= self.bytes[self.starts] == OPEN
        return literal


class Parser:
    """Parses chunks into reviews of the kinds of their lines, wide ones where `wide`."""

    def __init__(
        self, on_reject: Callable[[Rejected], None], on_change: OnChange, *, wide: bool = False
    ) -> None:
        self._on_reject = on_reject
        self._on_change = on_change
        self._wide = wide
        newer, earlier = KINDS[wide]
        self._newer: Any = msgspec.json.Decoder(newer)
        self._earlier: Any = msgspec.json.Decoder(earlier)
        self._expects_earlier = False  # as the lines before were: it is tried first
        self._has_earlier = False  # whether the chunk holds a line of an earlier schema

    def parse(self, lines: Lines) -> Parsed:
        """The reviews whose rating and text can be used; the others are rejected."""
        self._has_earlier = False
        whole, literal = lines.are_whole(), lines.are_literals()
        parsed = None
        if whole.all() and literal.all() == literal.any():
            parsed = self._all_at_once(lines, is_literal=bool(literal[0]))
        if parsed is None:
            parsed = Parsed([], [], 0, 0)
            for first, end in _blocks(whole + 2 * literal):
                reviews = None
                if whole[first]:
                    reviews = self._decode(lines, first, end, is_literal=bool(literal[first]))
                self._add_block(lines, first, end, reviews, parsed)
        fit = self._fit(parsed, lines)
        if self._has_earlier:
            fit.schemas = list(map(schema_of, fit.reviews))
        return fit

    def _all_at_once(self, lines: Lines, *, is_literal: bool) -> Parsed | None:
        reviews = self._decode(lines, 0, len(lines), is_literal=is_literal)
        return Parsed(reviews, None, len(reviews), 0) if reviews else None

    def _decode(self, lines: Lines, first: int, end: int, *, is_literal: bool) -> list[Any] | None:
        """The review of each line, by the names of its schema; None: they are read one by one."""
        block, n = lines.block(first, end), end - first
        if is_literal:
            block = from_literal(block)
        if self._expects_earlier:
            earlier = _objects(self._earlier, block, n)
            self._expects_earlier = earlier is not None and all(map(_settle, earlier))
            if earlier is None or self._expects_earlier:
                self._has_earlier = True
                return earlier
        newer = _objects(self._newer, block, n)
        if newer is None:
            return None
        silent = [i for i, review in enumerate(newer) if review.rating is review.text is None]
        if not silent:
            return newer
        earlier = _objects(self._earlier, block, n)
        if earlier is None:
            return None
        own = [i for i in silent if is_earlier(newer[i], earlier[i])]
        for i in own:
            earlier[i].settle()
            newer[i] = earlier[i]
        self._has_earlier |= bool(own)
        self._expects_earlier = len(own) == n
        return newer

    def _add_block(
        self, lines: Lines, first: int, end: int, reviews: list[Any] | None, parsed: Parsed
    ) -> None:
        """Add the reviews of some lines; where they are not known the lines are read one by one."""
        assert parsed.line_of is not None
        if reviews:
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
                self._has_earlier |= isinstance(review, EarlierReview)
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


def _objects(decoder: Any, block: bytes, n: int) -> list[Any] | None:
    """The objects of a block of n lines; None where it holds not so many, or one of other types."""
    try:
        found: list[Any] = decoder.decode_lines(block)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found if len(found) == n else None


def _settle(review: EarlierReview) -> bool:
    """Whether a line that was read by the earlier names has no others; if so it is settled."""
    if review.newer_rating is not None or review.newer_text is not None:
        return False
    review.settle()
    return review.rating is not None or review.text is not None


def _blocks(kind: NDArray[Any]) -> list[tuple[int, int]]:
    """(first, end) of runs of at most BLOCK lines that are all of one kind."""
    turns = (np.flatnonzero(kind[1:] != kind[:-1]) + 1).tolist()
    steps = range(0, len(kind), BLOCK)
    edges = sorted({*turns, *steps, len(kind)})
    return list(pairwise(edges))
