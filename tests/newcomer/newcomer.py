"""Somebody who clones this project and types what the README says, on a machine of their own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from tests.newcomer.machines import FETCHING, FOLDERS, LOCALES, PROXY, SHELLS, ZONES, Machine

ROOT = Path(__file__).parents[2]
NOBODY = 65_534
LOOP_SECONDS = 900
STOP_SECONDS = 90
# What the README says that a first run makes: in the folder, and in the home folder.
IN_FOLDER = {".venv", ".local", "node_modules", ".build", "cdk.out"}
IN_HOME = {".cache", ".npm", ".cdk"}
SUMMARY = {"reviews", "model", "endpoint", "api", "drift", "alerts", "seconds"}


def heed_signals() -> None:
    """As in a fresh shell: what the caller ignores (nohup: HUP) would be ignored here too."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Newcomer:
    """A machine, a folder on it with the project, and what was printed there."""

    machine: Machine
    python: Path
    place: Path
    proxy: str = ""
    ports: tuple[int, ...] = ()
    printed: str = ""
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.place / FOLDERS[self.machine.folder]
        for name in ("home", "tmp"):
            (self.place / name).mkdir(parents=True)
        self.root.parent.mkdir(exist_ok=True)
        if self.machine.history == "clone":
            subprocess.run(["git", "clone", "-q", ROOT, self.root], check=True)
        else:
            copy(ROOT, self.root)
        self.before = names(self.root)
        if self.machine.user == "ordinary":
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.place], check=True)

    @property
    def environment(self) -> dict[str, str]:
        """What this machine's shell has set."""
        machine = self.machine
        found = {n: v for n, v in os.environ.items() if n.startswith(FETCHING)}
        found |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(self.place / "tmp")}
        found |= LOCALES[machine.locale] | ZONES[machine.zone]
        shell = SHELLS[machine.shell]
        found |= {n: self.proxy if v == PROXY else v for n, v in shell.items()}
        match machine.home:
            case "own":
                found["HOME"] = str(self.place / "home")
            case "absent":
                found["HOME"] = "/nonexistent"
        if machine.home == "own" and machine.user == "same":
            found |= caches()
        return found

    def make(self, *words: str) -> subprocess.Popen[str]:
        """Start make, in a session of its own, as this machine's user."""
        ordinary = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.Popen(
            ["make", self.machine.jobs, f"PY={self.python}", *words, *self._free_ports(words)],
            cwd=self.root,
            env=self.environment,
            umask=self.machine.umask,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            preexec_fn=heed_signals,
            **(ordinary if self.machine.user == "ordinary" else {}),  # type: ignore[call-overload]
        )

    def _free_ports(self, words: tuple[str, ...]) -> list[str]:
        if "run" not in words or not self.ports:
            return []
        return [f"PORT={self.ports[0]}", f"TRACKING_PORT={self.ports[1]}"]

    def run(self, *words: str, until: str = "", then: Callable[[int], None] | None = None) -> int:
        """Run make to its end and return its exit status.

        until, then: call `then` with make's id once when a line holds `until`.
        """
        self.printed = ""
        deadline = time.monotonic() + LOOP_SECONDS
        with self.make(*words) as process:
            try:
                for line in process.stdout or ():
                    self.printed += line
                    if until and until in line and then:
                        then(process.pid)
                        until = ""
                    assert time.monotonic() < deadline, f"too slow:\n{self.printed[-3000:]}"
                return process.wait(STOP_SECONDS)
            finally:
                self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """End what still runs: first so that it takes its cloud with it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)

    def has_left_nothing(self, *, home: bool = True) -> None:
        """Nothing runs, nothing lies where the README does not say so."""
        assert not (running := self.eventually_running()), running
        # uv leaves empty files for its locks there, and nobody can tell it another place.
        left = {n for n in names(self.place / "tmp") if not fnmatch(n, "uv-*.lock")}
        assert not left, f"in TMPDIR: {left}"
        assert names(self.root) - self.before <= IN_FOLDER
        if home and self.machine.home == "own":
            assert names(self.place / "home") <= IN_HOME

    def eventually_running(self) -> list[str]:
        """What still runs here after a while of grace."""
        deadline = time.monotonic() + 20
        while (found := list(self._running())) and time.monotonic() < deadline:
            time.sleep(0.5)
        return found

    def _running(self) -> Iterator[str]:
        mark = str(self.place).encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                if words and int(entry.name) != os.getpid():
                    here = os.fsencode((entry / "cwd").readlink())
                    if mark in words or here.startswith(mark):
                        yield f"{entry.name} {words.decode(errors='replace')}"
            except OSError:
                continue

    def has_released(self) -> None:
        """Everything that the README promises of a run that ends well."""
        summary = json.loads((self.root / ".local" / "summary.json").read_text())
        assert set(summary) >= SUMMARY
        reviews = summary["reviews"]
        assert reviews["read"] == sum(
            (reviews["kept"], reviews["duplicates"], *reviews["rejected"].values())
        )
        assert summary["endpoint"]["status"] == "InService"
        assert summary["endpoint"]["model_version"] == summary["model"]["version"] == 1
        assert summary["api"]["status"] == 200
        assert summary["api"]["stars"] in range(1, 6)
        assert summary["alerts"]["delivered"] >= 1
        assert (self.root / ".local" / "report.html").read_text().startswith("<!")
        assert "Traceback" not in self.printed

    def can_source_the_client(self) -> None:
        """client.env gives a shell the variables of a client, where a run left it."""
        file = self.root / ".local" / "client.env"
        if not file.exists():
            return
        script = f"set -eu; set -a; . {shlex.quote(str(file))}; env"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        names = {line.partition("=")[0] for line in done.stdout.splitlines()}
        assert names >= {"API_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_CA_BUNDLE"}


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


def copy(source: Path, target: Path) -> None:
    """The project's files without its history, as an archive has them."""
    asked = ["git", "ls-files", "-coz", "--exclude-standard"]
    done = subprocess.run(asked, cwd=source, capture_output=True, text=True, check=False)
    if done.returncode:
        skipped = shutil.ignore_patterns(*IN_FOLDER, ".git", "__pycache__", "*_cache")
        shutil.copytree(source, target, ignore=skipped)
        return
    for name in filter(None, done.stdout.split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def caches() -> dict[str, str]:
    """This user's caches of packages: they say how fast a set-up is, not whether it works."""
    home = Path.home()
    found = {"UV_CACHE_DIR": home / ".cache" / "uv", "npm_config_cache": home / ".npm"}
    return {name: str(path) for name, path in found.items() if path.is_dir()}
