"""Decompresses gzip member by member: all that can be read, and how much a checksum covers."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from isal import igzip_lib

from reviews.errors import UnreadableSourceError

STEP_BYTES = 1 << 14  # decompressed at a time: damage costs so many where nothing is read again
IsalError: Any = igzip_lib.error  # its stub calls it an exception, not a class
GZIP_MAGIC = b"\x1f\x8b"
GZIP_START = GZIP_MAGIC + b"\x08"  # of every member: there is no other method than deflate


def gunzip(
    pieces: Iterator[bytes],
    on_trailing: Callable[[int], None] = lambda _: None,
    read_from: Callable[[int], Iterator[bytes]] | None = None,
) -> Iterator[bytes]:
    """Decompress one gzip member after another; zeros after the last are padding.

    on_trailing: called with the number of bytes after the last member that are no gzip. read_from:
    gives the pieces from a byte on, again. With it everything before a damaged place or a cut comes
    out; without it up to STEP_BYTES before that place are lost.
    Raises UnreadableSourceError after the bytes before a damaged place or a cut. A checksum stands
    at the end of a member, and it alone shows wrong bytes that can be decompressed: the error says
    from which line on there was none.
    """
    totals = _Totals()
    pieces = totals.counted(pieces)
    start = _next_start(b"", pieces)
    if not start:
        raise totals.ended(f"holds nothing in {totals.piece_end:,} bytes")
    while start:
        if is_damaged_start(start):
            begin = totals.piece_end - len(start)
            raise totals.ended(f"is damaged: no member begins at byte {begin:,}, as one must")
        if not GZIP_MAGIC.startswith(start[:2]):
            on_trailing(len(start) + sum(map(len, pieces)))
            return
        begin, before = totals.piece_end - len(start), totals.out_bytes
        try:
            rest = yield from _member(start, pieces, totals)
        except (IsalError, _CutOffError) as error:
            place = totals.piece_end
            if read_from:
                whole_bytes, known = max(totals.piece_begin - begin, 0), totals.out_bytes - before
                place = begin + (
                    yield from _member_again(read_from(begin), totals, whole_bytes, known)
                )
            if isinstance(error, _CutOffError):
                raise totals.ended(f"breaks off after {totals.piece_end:,} bytes") from None
            raise totals.ended(f"is damaged before byte {place:,} ({error})") from None
        totals.checked_lines = totals.lines
        start = _next_start(rest, pieces)


class _CutOffError(Exception):
    """The stream ends inside a member."""


@dataclass(slots=True)
class _Totals:
    """How far a gzip stream was read, and what came out of it.

    piece_begin, piece_end: of the last piece, in the stream. out_bytes; lines: newlines among
    them. checked_lines: lines in members whose checksum was right.
    """

    piece_begin: int = 0
    piece_end: int = 0
    out_bytes: int = 0
    lines: int = 0
    checked_lines: int = 0

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Count pieces of the stream, and hand them on."""
        for piece in pieces:
            self.piece_begin, self.piece_end = self.piece_end, self.piece_end + len(piece)
            yield piece

    def out(self, data: bytes) -> bytes:
        """Count what came out, and hand it on."""
        self.out_bytes += len(data)
        self.lines += data.count(b"\n")
        return data

    def ended(self, how: str) -> UnreadableSourceError:
        """The error that says how the stream ended, and how much of what came out was checked."""
        message = f"the gzip stream {how}; {self.out_bytes:,} bytes were read before that"
        if self.lines:
            message += f", up to the end of line {self.lines:,}"
        if 0 < self.checked_lines < self.lines:
            message += f", but no checksum covers what follows line {self.checked_lines:,}"
        elif self.lines and not self.checked_lines:
            message += ", which no checksum covers"
        message += "; nothing behind it was read"
        return UnreadableSourceError(message)


def _member(
    piece: bytes, pieces: Iterator[bytes], totals: _Totals
) -> Generator[bytes, None, bytes]:
    """Decompress one member; -> what stands after it in the piece that it ends in.

    Raises IsalError or _CutOffError.
    """
    member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    while True:
        if out := member.decompress(piece, STEP_BYTES):
            yield totals.out(out)
        if member.eof:
            rest: bytes = member.unused_data
            return rest
        piece = next(pieces, b"") if member.needs_input else b""
        if member.needs_input and not piece:
            raise _CutOffError


def _member_again(
    pieces: Iterator[bytes], totals: _Totals, whole_bytes: int, known: int
) -> Generator[bytes, None, int]:
    """Read a member again, its last piece byte by byte, to get every byte before its damage.

    Where a decompressor fails inside a piece, it keeps to itself what it made of the bytes before,
    and sometimes the last byte before the end.
    whole_bytes: of the member before that piece. known: bytes that came out of the member already.
    -> the bytes of the member before which it fails.
    """
    member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    taken = 0
    for piece in pieces:
        whole = piece[: max(whole_bytes - taken, 0)]
        single = (piece[i : i + 1] for i in range(len(whole), len(piece)))
        for step in chain([whole] if whole else [], single):
            taken += len(step)
            is_open = True
            while is_open:
                try:
                    out = member.decompress(step, STEP_BYTES)
                except IsalError:
                    return taken
                if fresh := out[known:]:
                    yield totals.out(fresh)
                known = max(known - len(out), 0)
                if member.eof:  # what is read was changed meanwhile
                    return taken
                is_open, step = not member.needs_input, b""
    return taken


def is_damaged_start(start: bytes) -> bool:
    """Whether a gzip member begins here of whose first three bytes one was changed or lost."""
    same = sum(a == b for a, b in zip(start, GZIP_START, strict=False))
    return same == 2 < len(start) or start.startswith(GZIP_START[1:])


def _next_start(rest: bytes, pieces: Iterator[bytes]) -> bytes:
    """What comes after padding, long enough to be known; empty at the end."""
    start = rest.lstrip(b"\0")
    while len(start) < len(GZIP_START) and (piece := next(pieces, b"")):
        start = (start + piece).lstrip(b"\0")
    return start
