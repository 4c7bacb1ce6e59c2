"""Steps as a person sees them: what began, what was learned on the way, how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Progress:
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
            self.console.print(f"{self._clock()}  {title}")
        mark = "[red]✗[/]"
        try:
            yield
            mark = "[green]✓[/]"
        finally:
            if self._status:
                self._status.stop()
                self._status = None
            self.seconds[key] = round(time.monotonic() - began, 2)
            self.console.print(f"{self._clock()} {mark} {title} [dim]{self.seconds[key]:.1f} s[/]")

    def log(self, line: str) -> None:
        """A fact worth keeping on the screen, under the step that is going on."""
        self.console.print(f"{self._clock()}    [dim]{escape(line)}[/]")

    def log_change(self, line: str) -> None:
        """Say it only when it differs from what was said last: for a state that is polled."""
        if line != self._last:
            self._last = line
            self.log(line)

    def total_seconds(self) -> float:
        """Wall time since this object was made."""
        return round(time.monotonic() - self.started, 2)

    def _clock(self) -> str:
        return f"[dim]{time.monotonic() - self.started:6.1f} s[/]"
