"""Programs that run for a while under this one, and never longer than it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from operate import signals
from operate.errors import OperateError

GRACE_SECONDS = 5
_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_is_closed = False


def run_logged(
    argv: Sequence[str], *, env: Mapping[str, str], log: Path, folder: Path | None = None
) -> int:
    """Run a program with its output in a file; it ends, with all that it started, when we do.

    folder: where it starts; None: where we are.

    Returns its exit status. Raises OperateError once `stop_all` was called.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    is_main = threading.current_thread() is threading.main_thread()
    with log.open("wb") as sink, signals.deferred() if is_main else nullcontext():
        process = _start(argv, env, sink.fileno(), folder)
    try:
        return process.wait()
    finally:
        _stop(process)


def run_attached(argv: Sequence[str], *, env: Mapping[str, str]) -> int:
    """Run a program on this terminal and return its exit status; it may ask the user."""
    process = subprocess.Popen(argv, env=dict(env))
    try:
        return process.wait()
    except signals.Stopped as stop:
        with signals.ignored():
            process.send_signal(stop.number)  # a terminal's Ctrl-C has reached it already
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        raise


def stop_all() -> None:
    """End everything that `run_logged` has started, in whatever thread, and start no more."""
    global _is_closed
    with _lock:
        _is_closed = True
        left = list(_running)
    for process in left:
        _stop(process)


def _start(
    argv: Sequence[str], env: Mapping[str, str], sink: int, folder: Path | None
) -> subprocess.Popen[bytes]:
    with _lock:
        if _is_closed:
            raise OperateError(f"{Path(argv[0]).name} was not started: the run is being stopped")
        process = subprocess.Popen(
            argv,
            env=dict(env),
            cwd=folder,
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, so that its children can be ended too
        )
        _running.add(process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a process group; nothing where it has ended by itself."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        _signal_group(process, signal.SIGKILL)
        process.wait()
    with _lock:
        _running.discard(process)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
