"""From a stream of bytes to chunks of whole lines, in memory that does not grow.

A stream is anything with `read(n)`: a file, the body of an S3 object, an HTTP answer. Where chunks
end depends on the bytes alone, never on how they arrived.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from reviews.errors import UnreadableSourceError
from reviews.file_kind import MAGIC_BYTES, binary_kind
from reviews.gunzip import GZIP_MAGIC, gunzip
from reviews.record import Rejected

PIECE_BYTES = 1 << 18  # read at a time
CHUNK_BYTES = 1 << 20  # a chunk ends with the line that reaches this
MAX_HELD_BYTES = 1 << 24  # a line longer than this is handed on in parts

ReadFrom = Callable[[int], "Stream"]  # opens what is read, again, at a byte offset
OnSpan = Callable[[int, int], None]  # takes where the lines that were read begin and end


class Stream(Protocol):
    """What can be read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines, each ended by a newline.

    offset: of the first byte, after decompression. number: of the first line, from 1.
    """

    data: bytes
    offset: int
    number: int


def raw_pieces(stream: Stream) -> Iterator[bytes]:
    """The stream's bytes as they come."""
    while piece := stream.read(PIECE_BYTES):
        yield piece


def plain_pieces(
    stream: Stream,
    on_trailing: Callable[[int], None] = lambda _: None,
    read_from: ReadFrom | None = None,
) -> Iterator[bytes]:
    """The stream's bytes, decompressed if they begin as gzip does, whatever the file is called.

    on_trailing, read_from: see `gunzip`.
    Raises UnreadableSourceError, after all that could be read, where gzip is cut off or damaged,
    and where the bytes are known to be no lines.
    """
    pieces = raw_pieces(stream)
    head = b""
    while len(head) < MAGIC_BYTES and (piece := next(pieces, b"")):
        head += piece
    if kind := binary_kind(head):
        raise UnreadableSourceError(f"this is {kind.description}: {kind.remedy}")
    pieces = chain([head] if head else [], pieces)
    if not head.startswith(GZIP_MAGIC):
        yield from pieces
    elif read_from is None:
        yield from gunzip(pieces, on_trailing)
    else:
        yield from gunzip(pieces, on_trailing, lambda start: raw_pieces(read_from(start)))


def chunks(
    pieces: Iterator[bytes],
    *,
    offset: int = 0,
    until: int | None = None,
    partial: bool = False,
    on_span: OnSpan = lambda *_: None,
) -> Iterator[Chunk | Rejected]:
    """Whole lines, a chunk at a time; of a line that is too long to hold, its parts.

    offset: of the first byte that comes. until: only lines that begin before it are taken.
    partial: what comes begins inside a line, which is dropped. on_span: called at the end.
    An UnreadableSourceError of the pieces is passed on after what was read until then.
    """
    cutter = _Cutter(offset, until, is_dropping=partial)
    broken = None
    try:
        for piece in pieces:
            cutter.add(piece)
            while found := cutter.next_one():
                yield found
            if cutter.is_done():
                on_span(*cutter.span)
                return
    except UnreadableSourceError as error:
        broken = error
    while found := cutter.next_one(is_end=True):
        yield found
    if broken:
        raise broken
    on_span(*cutter.span)


def chunks_of_range(
    read_from: ReadFrom, start: int, end: int, on_span: OnSpan = lambda *_: None
) -> Iterator[Chunk | Rejected]:
    """The lines of a plain file that begin in a byte range: neighbours share none and miss none.

    read_from: opens the file at a byte offset. The last line is read to its end, past `end`.
    on_span: called at the end; what one range ends with, the next one begins with.
    """
    if start == 0:
        return chunks(raw_pieces(read_from(0)), until=end, on_span=on_span)
    # One byte earlier, so that a line which begins exactly at `start` is seen to begin there.
    pieces = raw_pieces(read_from(start - 1))
    return chunks(pieces, offset=start - 1, until=end, partial=True, on_span=on_span)


class _Cutter:
    """Cuts pieces into chunks: each ends with the first newline past CHUNK_BYTES."""

    def __init__(self, offset: int, until: int | None, *, is_dropping: bool) -> None:
        self._offset = offset  # of the first byte held
        self._until = until
        self._is_dropping = is_dropping
        self._begin = offset  # of the first line that is taken
        self._held: list[bytes] = []
        self._size = 0
        self._number = 1
        self._part: int | None = None  # of the line that is being handed on in parts

    def add(self, piece: bytes) -> None:
        if self._is_dropping:
            cut = piece.find(b"\n") + 1
            self._is_dropping = not cut
            cut = cut or len(piece)
            self._offset += cut
            self._begin = self._offset
            piece = piece[cut:]
        self._held.append(piece)
        self._size += len(piece)

    @property
    def span(self) -> tuple[int, int]:
        """Where the lines that were taken begin, and the bytes after their end."""
        return self._begin, self._offset

    def is_done(self) -> bool:
        """Whether no more line is taken."""
        return not self._is_dropping and self._part is None and self._last() < 0

    def next_one(self, *, is_end: bool = False) -> Chunk | Rejected | None:
        """The next chunk or part of a long line; None: more must come first."""
        if self._size == 0 or self.is_done():
            return None
        if self._part is not None:
            return self._next_part(is_end)
        enough = min(self._last(), CHUNK_BYTES - 1)
        if self._size <= enough and not is_end:
            return None
        data = self._joined()
        cut = data.find(b"\n", enough, MAX_HELD_BYTES) + 1
        if not cut and self._size >= MAX_HELD_BYTES:
            cut = data.rfind(b"\n", 0, enough) + 1
            if not cut:
                self._part = 0
                return self._next_part(is_end)
        if not cut and not is_end:
            return None
        offset, number = self._offset, self._number
        lines = self._drop(cut or self._size)
        return Chunk(lines if lines.endswith(b"\n") else lines + b"\n", offset, number)

    def _next_part(self, is_end: bool) -> Rejected | None:
        newline = self._joined().find(b"\n", 0, MAX_HELD_BYTES)
        if newline < 0 and self._size < MAX_HELD_BYTES and not is_end:
            return None
        assert self._part is not None
        offset, number, part = self._offset, self._number, self._part
        size = newline + 1 if newline >= 0 else min(self._size, MAX_HELD_BYTES)
        line = self._drop(size).removesuffix(b"\n")
        self._part = None if newline >= 0 else part + 1
        return Rejected("too_long", line, offset, number, part)

    def _last(self) -> int:
        """Where in what is held the last byte stands at which a line may begin."""
        return MAX_HELD_BYTES if self._until is None else self._until - 1 - self._offset

    def _joined(self) -> bytes:
        if len(self._held) > 1:
            self._held = [b"".join(self._held)]
        return self._held[0]

    def _drop(self, size: int) -> bytes:
        data = self._joined()
        self._held = [data[size:]]
        self._size -= size
        self._offset += size
        dropped = data[:size]
        self._number += dropped.count(b"\n")
        return dropped
