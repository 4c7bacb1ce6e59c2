"""A large .gz as several small ones: gzip has one beginning, so only its reader can part it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

from isal import isal_zlib

from reviews.errors import UnreadableSourceError

LEVEL = 1
GZIP_WINDOW = 31  # of zlib: the gzip form, with no time in its head
MAX_UNBROKEN_BYTES = 1 << 26  # beyond it a line without end would fill the disk


@dataclass(frozen=True)
class Part:
    """A .gz of whole lines.

    offset: of its first byte, line: how many lines stand before it, in the source after
    decompression; size: so many bytes of it.
    """

    file: IO[bytes]
    offset: int
    line: int
    size: int


def parts(pieces: Iterator[bytes], part_bytes: int) -> Iterator[Part]:
    """Cut plain bytes after the first newline at or past `part_bytes`, again and again.

    Each part is there until the next one is asked for. The same bytes give the same parts.
    Raises UnreadableSourceError for a line longer than MAX_UNBROKEN_BYTES.
    """
    offset = line = 0
    with ExitStack() as stack:
        writer: _Writer | None = None
        for whole in pieces:
            piece = whole
            while piece:
                if writer is None:
                    writer = _Writer(stack, offset, line)
                taken = piece[: writer.room(piece, part_bytes)]
                piece = piece[len(taken) :]
                writer.write(taken)
                offset += len(taken)
                line += taken.count(b"\n")
                if writer.size >= part_bytes and taken.endswith(b"\n"):
                    yield writer.close()
                    stack.close()
                    writer = None
        if writer is not None:
            yield writer.close()


class _Writer:
    """One part on its way to the disk."""

    def __init__(self, stack: ExitStack, offset: int, line: int) -> None:
        self.size = 0
        # Without a name, so that nothing stays behind.
        self._file: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._offset, self._line = offset, line
        self._deflate: Any = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)

    def room(self, piece: bytes, part_bytes: int) -> int:
        """How much of a piece still belongs to this part: up to the newline that ends it."""
        cut = piece.find(b"\n", max(part_bytes - self.size - 1, 0)) + 1
        if not cut and self.size > part_bytes + MAX_UNBROKEN_BYTES:
            raise UnreadableSourceError(
                f"a line has no end within {MAX_UNBROKEN_BYTES:,} bytes, "
                f"from byte {self._offset:,} on"
            )
        return cut or len(piece)

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self._file.write(self._deflate.compress(data))

    def close(self) -> Part:
        self._file.write(self._deflate.flush())
        self._file.seek(0)
        return Part(self._file, self._offset, self._line, self.size)
