"""Gzip, member after member: all that can be read, and how much of it may be trusted."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from isal import igzip_lib

from reviews.errors import UnreadableSourceError

STEP_BYTES = 1 << 14  # decompressed at a time: what damage costs where nobody can read again
IsalError: Any = igzip_lib.error  # its stub calls it an exception, not a class
GZIP_MAGIC = b"\x1f\x8b"
GZIP_HEAD = GZIP_MAGIC + b"\x08"  # of every member: there is no other method than deflate


def gunzip(
    pieces: Iterator[bytes],
    on_trailing: Callable[[int], None] = lambda _: None,
    read_from: Callable[[int], Iterator[bytes]] | None = None,
) -> Iterator[bytes]:
    """Decompress one gzip member after another; zeros after the last are padding.

    on_trailing: told how many bytes after the last member are no gzip. read_from: the pieces from
    a byte on, again. With it all comes that stands before a damaged place or the end of what was
    cut off; without, up to STEP_BYTES before it are lost.
    Raises UnreadableSourceError after what came before a damaged place or the end of what was cut
    off. A checksum stands at the end of a member: it alone would show that bytes are wrong that can
    be decompressed, so the error says from which line on there was none.
    """
    came = _Came()
    pieces = came.counted(pieces)
    head = _next_head(b"", pieces)
    if not head:
        raise came.ended(f"holds nothing in {came.taken:,} bytes")
    while head:
        if is_damaged_head(head):
            begin = came.taken - len(head)
            raise came.ended(f"is damaged: no member begins at byte {begin:,}, as one must")
        if not GZIP_MAGIC.startswith(head[:2]):
            on_trailing(len(head) + sum(map(len, pieces)))
            return
        begin, made = came.taken - len(head), came.made
        try:
            rest = yield from _member(head, pieces, came)
        except (IsalError, _CutOff) as error:
            place = came.taken
            if read_from:
                safe, known = max(came.before - begin, 0), came.made - made
                place = begin + (yield from _again(read_from(begin), came, safe, known))
            if isinstance(error, _CutOff):
                raise came.ended(f"breaks off after {came.taken:,} bytes") from None
            raise came.ended(f"is damaged before byte {place:,} ({error})") from None
        came.proven = came.lines
        head = _next_head(rest, pieces)


class _CutOff(Exception):
    """The stream ends inside a member."""


@dataclass(slots=True)
class _Came:
    """How far a gzip stream was read.

    before, taken: its bytes to the beginning and to the end of the last piece. made: bytes, and
    lines: newlines, that came out. proven: lines in members whose checksum was right.
    """

    before: int = 0
    taken: int = 0
    made: int = 0
    lines: int = 0
    proven: int = 0

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of the stream."""
        for piece in pieces:
            self.before, self.taken = self.taken, self.taken + len(piece)
            yield piece

    def out(self, data: bytes) -> bytes:
        """What came out, noted."""
        self.made += len(data)
        self.lines += data.count(b"\n")
        return data

    def ended(self, how: str) -> UnreadableSourceError:
        """What is to be said, and how much of what came may be trusted."""
        words = f"the gzip stream {how}; {self.made:,} bytes were read before that"
        if self.lines:
            words += f", up to the end of line {self.lines:,}"
        if 0 < self.proven < self.lines:
            words += f", but no checksum covers what follows line {self.proven:,}"
        elif self.lines and not self.proven:
            words += ", which no checksum covers"
        words += "; nothing behind it was read"
        return UnreadableSourceError(words)


def _member(piece: bytes, pieces: Iterator[bytes], came: _Came) -> Generator[bytes, None, bytes]:
    """Decompress one member; -> what stands after it in the piece that it ends in.

    Raises IsalError or _CutOff.
    """
    member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    while True:
        if out := member.decompress(piece, STEP_BYTES):
            yield came.out(out)
        if member.eof:
            rest: bytes = member.unused_data
            return rest
        piece = next(pieces, b"") if member.needs_input else b""
        if member.needs_input and not piece:
            raise _CutOff


def _again(
    pieces: Iterator[bytes], came: _Came, safe: int, known: int
) -> Generator[bytes, None, int]:
    """Read a member again, its last piece byte by byte: of that the decompressor kept to itself
    what it made before it failed, and sometimes the last byte before the end.

    safe: bytes before that piece. known: bytes that were made of the member and came already.
    -> the bytes before which it fails.
    """
    member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    taken = 0
    for piece in pieces:
        whole = piece[: max(safe - taken, 0)]
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
                    yield came.out(fresh)
                known = max(known - len(out), 0)
                if member.eof:  # what is read was changed meanwhile
                    return taken
                is_open, step = not member.needs_input, b""
    return taken


def is_damaged_head(head: bytes) -> bool:
    """Whether a gzip member begins here of whose first three bytes one was changed or lost."""
    same = sum(a == b for a, b in zip(head, GZIP_HEAD, strict=False))
    return same == 2 < len(head) or head.startswith(GZIP_HEAD[1:])


def _next_head(rest: bytes, pieces: Iterator[bytes]) -> bytes:
    """What comes after padding, long enough to be known; empty at the end."""
    head = rest.lstrip(b"\0")
    while len(head) < len(GZIP_HEAD) and (piece := next(pieces, b"")):
        head = (head + piece).lstrip(b"\0")
    return head
