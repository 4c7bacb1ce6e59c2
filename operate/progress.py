"""Steps as a person sees them: what began, what came out on the way, how long it took."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.status import Status

from operate import clock

MIN_WIDTH = 40  # columns; a narrower terminal wraps by itself


def wrap(line: str, indent: int, console: Console) -> str:
    """The line, broken between words at the terminal's width; a path is never broken.

    indent: blanks before what is continued. In a pipe or a file nothing is broken.
    """
    if not console.is_terminal or console.width < MIN_WIDTH:
        return line
    return textwrap.fill(
        line,
        console.width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def show(console: Console, line: str, *, indent: int = 0, style: str = "") -> None:
    """Print a line as it is: no markup is read in it, and no word is cut."""
    text = wrap(line, indent, console)
    console.print(text, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)


def show_rows(console: Console, rows: list[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    width = max((len(name) for name, _ in rows), default=0) + 2
    for name, value in rows:
        show(console, f"{name:<{width}}{value}", indent=width)


class RunProgress:
    """Prints a line when a step begins and one when it is done; a spinner on a terminal.

    `seconds` keeps the wall time of every step by its key, for the summary.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.seconds: dict[str, float] = {}
        self.started = time.monotonic()
        self._status: Status | None = None
        self._last = ""

    @contextmanager
    def step(self, key: str, title: str) -> Iterator[None]:
        """Time what happens inside; an exception ends the step with a cross."""
        began = time.monotonic()
        self._last = ""
        if self.console.is_terminal:
            self._status = self.console.status(f"[bold]{title}[/]")
            self._status.start()
        else:
            show(self.console, f"{self._elapsed()}   {title}")
        mark = "✗"
        try:
            yield
            mark = "✓"
        finally:
            if self._status:
                self._status.stop()
                self._status = None
            self.seconds[key] = round(time.monotonic() - began, 2)
            style = "green" if mark == "✓" else "red"
            line = f"{self._elapsed()} {mark} {title}  {self.seconds[key]:.1f} s"
            show(self.console, line, indent=11, style=style)

    def log(self, line: str) -> None:
        """Print a fact under the step that is going on."""
        show(self.console, f"{self._elapsed()}    {line}", indent=13, style="dim")

    def log_change(self, line: str) -> None:
        """Print it only when it differs from what came last: for a state that is polled."""
        if line != self._last:
            self._last = line
            self.log(line)

    def log_event(self, line: str) -> None:
        """Print what has just happened, with the time of day: for what stays for hours."""
        show(self.console, f"{clock.time_of_day(datetime.now(UTC))}  {line}", indent=14)

    def total_seconds(self) -> float:
        """Wall time since this object was made."""
        return round(time.monotonic() - self.started, 2)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self.started:6.1f} s"
