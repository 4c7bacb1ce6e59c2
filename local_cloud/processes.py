"""Start processes that end with us: the emulator, MLflow, jobs, endpoints.

Each one runs under a guard (`guard.py`), which ends it, and all that it started, when we stop it
or when we die. On Linux a last sweep finds what slipped away by a variable that every descendant
inherits.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "LOCAL_CLOUD_HOME"
GUARD = Path(__file__).with_name("guard.py")

_running: set["Process"] = set()
_lock = threading.Lock()


@dataclass(eq=False)
class Process:
    """One guarded command."""

    command: tuple[str, ...]
    log: Path
    guard: "subprocess.Popen[bytes]"
    grace_seconds: float

    @property
    def pid(self) -> int:
        """The guard's process id."""
        return self.guard.pid

    def poll(self) -> int | None:
        """Give the exit status, or None while the command runs."""
        code = self.guard.poll()
        if code is not None:
            self._forget()
        return code

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for the end; raises subprocess.TimeoutExpired."""
        code = self.guard.wait(timeout_seconds)
        self._forget()
        return code

    def stop(self) -> int:
        """End the command and everything that it started, and wait until they are gone."""
        self.ask_to_stop()
        try:
            return self.wait(2 * self.grace_seconds + 2)
        except subprocess.TimeoutExpired:
            self.guard.kill()
            return self.wait(2)

    def ask_to_stop(self) -> None:
        """Begin to end the command, without waiting."""
        if self.guard.stdin and not self.guard.stdin.closed:
            with contextlib.suppress(OSError):
                self.guard.stdin.close()

    def last_lines(self, count: int = 20) -> str:
        """Give the end of what the command wrote."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    def _forget(self) -> None:
        self.ask_to_stop()  # closes our end of the pipe; the guard is gone
        with _lock:
            _running.discard(self)


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path,
    log: Path,
    grace_seconds: float = 5.0,
) -> Process:
    """Start a command that dies with this process; its output is appended to the log."""
    environment = dict(os.environ if env is None else env)
    if MARK in os.environ:
        environment.setdefault(MARK, os.environ[MARK])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        guard = subprocess.Popen(
            [sys.executable, "-S", "-E", str(GUARD), str(grace_seconds), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    process = Process(tuple(command), log, guard, grace_seconds)
    with _lock:
        _running.add(process)
    return process


def stop_all() -> None:
    """End every process that `start` began and that still runs, side by side."""
    with _lock:
        processes = list(_running)
    for process in processes:
        process.ask_to_stop()
    for process in processes:
        process.stop()


def watch_parent(on_death: "threading.Event", *, interval_seconds: float = 0.5) -> None:
    """Set the event once the process that started us has gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval_seconds)
        on_death.set()

    if parent != 1:
        threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def marked(home: Path) -> list[int]:
    """List the processes, other than ours, that descend from a cloud with this home.

    Empty where there is no /proc: there the guards are all there is.
    """
    wanted, found = f"{MARK}={home}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if pid == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def sweep(home: Path, *, patience_seconds: float = 2.0) -> int:
    """End what is left of a cloud with this home; gives how many processes had to be killed."""
    end = time.monotonic() + patience_seconds
    while (left := marked(home)) and time.monotonic() < end:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(left)
