"""A stop by a signal: one exception for INT, TERM and HUP, held back where it would do harm."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_deferred = 0
_pending: int | None = None


class Stopped(KeyboardInterrupt):
    """This process was asked to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def name(self) -> str:
        """The signal as people write it."""
        return signal.Signals(self.number).name

    @property
    def exit_status(self) -> int:
        """What a shell calls a process that this signal ended: 130, 143 or 129."""
        return 128 + self.number


def install() -> None:
    """Raise Stopped in the main thread at each of the signals.

    SIGINT also where it is ignored, as in a background job of a script; SIGHUP not, for `nohup`.
    """
    for number in NUMBERS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)


@contextmanager
def deferred() -> Iterator[None]:
    """Let a signal wait until the block is done: for a start that must be written down."""
    global _deferred
    _deferred += 1
    try:
        yield
    finally:
        _deferred -= 1
        _raise_pending()


@contextmanager
def ignored() -> Iterator[None]:
    """Take no second signal while the first one is obeyed."""
    before = {number: signal.signal(number, _swallow) for number in NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(number: int, frame: FrameType | None) -> None:
    global _pending
    _pending = number
    if not _deferred:
        _raise_pending()


def _swallow(number: int, frame: FrameType | None) -> None:
    """Nothing: not SIG_IGN, which processes that are started now would inherit."""


def _raise_pending() -> None:
    global _pending
    number, _pending = _pending, None
    if number is not None and not _deferred:
        raise Stopped(number)
    _pending = number
