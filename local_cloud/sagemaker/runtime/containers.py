"""A process that stands for a container: the training program, with /opt/ml in a folder.

No image is pulled. Any image of the account's own registry stands for the training program of the
repository (`PROGRAM_ROOT`) under the interpreter `TRAINING_PYTHON`.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_cloud import processes
from local_cloud.sagemaker import mlflow_apps
from local_cloud.sagemaker.runtime import emulator, images

ML_ROOT = re.compile(r"(?<![\w./\-])/opt/ml(?=/|$)")
_PYTHONS = ("python", "python3", "/usr/bin/python3", "/usr/local/bin/python")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
_LOG_SECONDS = 0.5
_GRACE_SECONDS = 5.0


class UnknownImageError(Exception):
    """An image that this machine cannot stand in for."""


@dataclass(frozen=True)
class ContainerSpec:
    """What to run and where its output goes.

    arguments: after `python -m training`, or a whole command that starts with a Python.
    root: the folder that stands for /opt/ml.
    may_log: whether the role of the container lets its output reach CloudWatch Logs.
    isolated: no proxies and no region: nothing that helps a program to reach the network.
    """

    image: str
    arguments: Sequence[str]
    root: Path
    log_group: str
    log_stream: str
    environment: dict[str, str] = field(default_factory=dict)
    may_log: bool = True
    isolated: bool = False


def check_image(image: str, account: str) -> None:
    """Refuse an image outside the account's own registry, or not in it.

    Raises UnknownImageError.
    """
    if not re.match(rf"{account}\.dkr\.ecr\.[a-z0-9\-]+\.amazonaws\.com/", image):
        raise UnknownImageError(
            f"The image {image!r} is not in this account's registry: on this machine only the "
            "training program of the repository can run"
        )
    if problem := images.problem(image):
        raise UnknownImageError(problem)


def remapped(text: str, root: Path) -> str:
    """A text in which /opt/ml is the container's own folder."""
    return ML_ROOT.sub(str(root), text)


def command(spec: ContainerSpec) -> list[str]:
    """The command line: a Python of the image becomes the training interpreter."""
    python = os.environ.get("TRAINING_PYTHON", sys.executable)
    arguments = [remapped(argument, spec.root) for argument in spec.arguments]
    if arguments and arguments[0] in _PYTHONS:
        return [python, *arguments[1:]]
    return [python, "-m", "training", *arguments]


def environment(spec: ContainerSpec) -> dict[str, str]:
    """The whole environment of the process: nothing of ours leaks into it, no AWS credentials."""
    program = str(Path(os.environ.get("PROGRAM_ROOT", ".")).resolve())
    threads = os.environ.get("JOB_THREADS") or str(min(4, os.cpu_count() or 1))
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(spec.root.parent),
        "TMPDIR": str(spec.root.parent / "tmp"),
        "MPLCONFIGDIR": str(emulator.home() / "cache" / "matplotlib"),
        "PYTHONPATH": program,
        "PYTHONUNBUFFERED": "1",
        # Written once and used by every later process: half of a small job is compiling libraries.
        "PYTHONPYCACHEPREFIX": str(emulator.home() / "cache" / "bytecode"),
        "ML_ROOT": str(spec.root),
        **dict.fromkeys(_THREADS, threads),
    }
    if not spec.isolated:
        found["AWS_REGION"] = emulator.current_scope()[1]
        found.update({name: os.environ[name] for name in _PROXIES if name in os.environ})
    return found | {key: _here(value, spec.root) for key, value in spec.environment.items()}


def _here(value: str, root: Path) -> str:
    """A value of the container's environment as it holds on this machine."""
    return remapped(mlflow_apps.address(value), root)


class Container:
    """One running process, its output in a file of the home and in CloudWatch Logs."""

    def __init__(self, spec: ContainerSpec) -> None:
        check_image(spec.image, emulator.current_scope()[0])
        self.spec = spec
        self.log_file = log_file(spec.log_group, spec.log_stream)
        (spec.root.parent / "tmp").mkdir(parents=True, exist_ok=True)
        self._process = processes.start(
            command(spec),
            env=environment(spec),
            cwd=Path(os.environ.get("PROGRAM_ROOT", ".")),
            log=self.log_file,
            grace_seconds=_GRACE_SECONDS,
        )
        self._follower = emulator.in_background(
            f"log of {spec.log_stream}", self._follow, on_error=self._append_to_log
        )

    def _follow(self) -> None:
        """Carry the process's output to CloudWatch Logs until it has ended."""
        if not self.spec.may_log:
            return
        rest = b""
        with self.log_file.open("rb") as log:
            is_alive = True
            while is_alive:
                is_alive = self.wait_quietly(_LOG_SECONDS)
                *lines, rest = (rest + log.read()).split(b"\n")
                if rest and not is_alive:
                    lines.append(rest)
                at = int(time.time() * 1000)
                events = [(at, line.decode("utf-8", "replace")) for line in lines]
                if events:
                    emulator.write_log(self.spec.log_group, self.spec.log_stream, events)

    def _append_to_log(self, reason: str) -> None:
        with self.log_file.open("a") as log:
            log.write(f"{reason}\n")

    def wait_quietly(self, timeout_seconds: float) -> bool:
        """Wait for the end at most so long; returns whether the process still runs."""
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def wait(self, timeout_seconds: float) -> int | None:
        """Exit status, or None if it still runs after that time."""
        if self.wait_quietly(timeout_seconds):
            return None
        self._follower.join(_GRACE_SECONDS)
        return self._process.poll()

    def stop(self) -> None:
        """End the process and everything it started: asked first, killed after a grace time."""
        self._process.stop()
        self._follower.join(_GRACE_SECONDS)

    def last_line(self) -> str:
        """The last line that is not empty: the best explanation of a death without a message."""
        lines = self._process.last_lines(5).splitlines()
        return next((line for line in reversed(lines) if line.strip()), "no output")


def log_file(group: str, stream: str) -> Path:
    """The file of the home that keeps a copy of a log stream, for `make run` to follow."""
    return emulator.home() / "logs" / group.strip("/") / f"{stream.replace('/', '_')}.log"
