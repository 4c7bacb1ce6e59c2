"""What a process and all that it starts cost: CPU seconds and memory. Linux only."""

import ctypes
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.05
LINGER_SECONDS = 30.0  # what a process left behind may go on so long
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """cpu_seconds: user and system, of the whole tree. peak_megabytes: resident, of the tree."""

    cpu_seconds: float
    wall_seconds: float
    peak_megabytes: float


class RunError(Exception):
    """A measured process failed; the message ends with its last words."""


def measure(
    command: Sequence[str | Path],
    *,
    more: Mapping[str, str] | None = None,
    look: Callable[[list[int]], None] = lambda pids: None,
) -> Cost:
    """Run a command on one core and add up what its whole tree of processes used.

    more: variables of its environment. look: called with the tree's ids, again and again.
    Orphans (Spark's Java is one) become our children, so that they are waited for and counted.
    """
    adopt_orphans()
    others = set(_children(os.getpid()))
    before, start = _cpu_of_children(), time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment() | dict(more or {}),
            preexec_fn=_stay_on_one_core,
        )
        peak, status = _watch(process, look)
        wall = time.perf_counter() - start
        _reap_the_rest(others)
        if status:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise RunError(f"{' '.join(map(str, command))} ended with {status}:\n{words}")
    return Cost(_cpu_of_children() - before, wall, peak)


def environment() -> dict[str, str]:
    """Ours, but byte code is kept between runs: nobody compiles numpy at each start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def machine() -> str:
    """The machine in words."""
    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cpu}, {cores} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}; one core used; load at start {os.getloadavg()[0]:.1f}"
    )


def adopt_orphans() -> None:
    """Let processes whose parent ends become children of this one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _stay_on_one_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _watch(
    process: subprocess.Popen[bytes], look: Callable[[list[int]], None]
) -> tuple[float, int]:
    """-> (the most megabytes that the tree held, exit status)."""
    peak = 0
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return max(peak / 2**20, used.ru_maxrss / 2**10), process.returncode
        tree = _tree(process.pid)
        peak = max(peak, sum(map(_resident, tree)))
        look(tree)
        time.sleep(SAMPLE_SECONDS)


def _reap_the_rest(others: set[int]) -> None:
    """Wait for what the command left behind. others: children of ours that were there before."""
    end = time.monotonic() + LINGER_SECONDS
    while time.monotonic() < end:
        left = [pid for pid in _children(os.getpid()) if pid not in others]
        if not left:
            return
        if not any(os.waitpid(pid, os.WNOHANG)[0] for pid in left):
            time.sleep(SAMPLE_SECONDS)
    raise RunError(f"a process that was left behind did not end within {LINGER_SECONDS:.0f} s")


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        found += _children(parent)
    return found


def _children(parent: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return []


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
