"""Model servers of a new variant that die or dawdle; those that serve already are let be."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOK_SECONDS = 0.2
GROWN_SECONDS = 4.0  # after which a new server has answered its first /ping
STOPPED_SECONDS, GOING_SECONDS = 1.7, 0.1


@contextmanager
def dying(home: Path) -> Iterator[None]:
    """Kill each model server that starts from now on, again and again, once it answers."""
    with _newcomers(home) as grown, _doing("killer", LOOK_SECONDS, lambda: _send(grown(), "KILL")):
        yield


@contextmanager
def dawdling(home: Path) -> Iterator[None]:
    """Let each model server that starts from now on work a moment, and rest for much longer."""
    with _newcomers(home) as grown:

        def rest() -> None:
            resting = grown()
            _send(resting, "STOP")
            time.sleep(STOPPED_SECONDS)
            _send(resting, "CONT")

        with _doing("idler", GOING_SECONDS, rest):
            yield


@contextmanager
def _newcomers(home: Path) -> Iterator[Callable[[], list[int]]]:
    """Gives the servers that were not there before, and are not of yesterday."""
    known, born = set(servers(home)), dict[int, float]()

    def grown() -> list[int]:
        now = time.monotonic()
        new = set(servers(home)) - known
        return [pid for pid in new if now - born.setdefault(pid, now) > GROWN_SECONDS]

    yield grown


@contextmanager
def _doing(name: str, every_seconds: float, work: Callable[[], None]) -> Iterator[None]:
    stop = threading.Event()

    def go() -> None:
        while not stop.wait(every_seconds):
            work()

    thread = threading.Thread(target=go, daemon=True, name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(pids: list[int], name: str) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, getattr(signal, f"SIG{name}"))


def servers(home: Path) -> Iterator[int]:
    """The processes of this local cloud's model servers."""
    mark = f"{home}/".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = entry.read_bytes().split(b"\0")
            is_ours = mark in entry.with_name("environ").read_bytes()
            if is_ours and words[1:4] == [b"-m", b"training", b"serve"]:
                yield int(entry.parent.name)
