"""Reports how far a long command is: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable
from typing import TextIO

BAR_CELLS = 30
BAR_SECONDS = 0.1  # between two drawings
LINE_SECONDS = 5.0  # between two plain lines
CLEAR_LINE = "\x1b[K"


class RefineProgress:
    """Reports how many bytes of how many are done.

    total: None where it is not known, or not yet. now: seconds of a clock that never goes back.
    """

    def __init__(
        self, title: str, total: int | None, *, out: TextIO, now: Callable[[], float]
    ) -> None:
        self._title = title
        self.total = total
        self._out = out
        self._now = now
        self._is_terminal = out.isatty()
        self._every = BAR_SECONDS if self._is_terminal else LINE_SECONDS
        self._start = self._last = now()

    def show(self, done_bytes: int, note: str = "") -> None:
        """Report, unless the last report is a moment ago."""
        if self._now() - self._last >= self._every:
            self._write(done_bytes, note)

    def finish(self, done_bytes: int, note: str = "") -> None:
        """Report the end."""
        self._write(done_bytes, note)
        if self._is_terminal:
            self._out.write("\n")
            self._out.flush()

    def _write(self, done: int, note: str) -> None:
        self._last = self._now()
        text = f"{self._title}  {self._share(done)}  {self._last - self._start:.0f} s  {note}"
        line = text.rstrip()
        self._out.write(f"\r{line}{CLEAR_LINE}" if self._is_terminal else f"{line}\n")
        self._out.flush()

    def _share(self, done: int) -> str:
        if not self.total:
            return f"{megabytes(done)} MB"
        share = min(1.0, done / self.total)
        text = f"{share:4.0%}  {megabytes(done)} of {megabytes(self.total)} MB"
        if not self._is_terminal:
            return text.strip()
        cells = round(share * BAR_CELLS)
        return f"[{'#' * cells}{'-' * (BAR_CELLS - cells)}] {text}"


def megabytes(size_bytes: int) -> str:
    """Millions of bytes, with one decimal."""
    return f"{size_bytes / 1e6:,.1f}"
