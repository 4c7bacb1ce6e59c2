"""`python3 -m operate.doctor`: what this machine lacks or has oddly, and what to do about it.

Runs before anything is installed, so it needs the standard library alone. `--quick`: only what
would stop a run, and nothing where all is well. Exit 1 where something must be mended.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GB = 1_000_000_000
SETUP_BYTES = 4 * GB  # a clone with all set up, cache of packages too, takes 2.4; then comes a run
RUN_BYTES = 1 * GB  # a run with our sample: objects, jobs, logs, Lambda packages
MIN_MEMORY_BYTES = 4 * GB
MIN_PYTHON = (3, 11)
OWN = {"CDK_HOME", "UV_NO_PROGRESS"}  # set by our Makefile
PORTS = {4566: "PORT", 5566: "TRACKING_PORT"}
CURL_WITH_SIGV4 = (7, 75)


@dataclass(frozen=True)
class MachineFinding:
    """One thing that was looked at. remedy: empty where nothing need be done."""

    subject: str
    state: str
    remedy: str = ""
    must: bool = False  # nothing works before it is mended

    @property
    def line(self) -> str:
        """As it is printed."""
        mark = "ok" if not self.remedy else "!!" if self.must else "--"
        return f"{mark}  {self.subject:<10} {self.state}" + (self.remedy and f": {self.remedy}")


def python() -> MachineFinding:
    """The interpreter, and whether it can make virtual environments."""
    here = platform.python_version()
    if sys.version_info < MIN_PYTHON:
        return MachineFinding(
            "Python", here, "3.11 or later is needed, name one with PY=", must=True
        )
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        remedy = (
            f"it cannot make virtual environments: install python{here.rpartition('.')[0]}-venv "
            "(Debian, Ubuntu), or name another one with PY="
        )
        return MachineFinding("Python", f"{here}, {sys.executable}", remedy, must=True)
    return MachineFinding("Python", f"{here}, {sys.executable}")


def disk_problem(folder: Path, needed_bytes: int) -> str:
    """Why there is too little space below a folder; empty where there is enough."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= needed_bytes:
        return ""
    return (
        f"{free / GB:.1f} GB are free in {folder.resolve()}, and {needed_bytes / GB:.0f} GB are "
        "needed: make room, or work on another disk"
    )


def disk(root: Path = ROOT) -> MachineFinding:
    """Whether what is still to be installed, or a run, fits."""
    needed = RUN_BYTES if is_set_up(root) else SETUP_BYTES
    if problem := disk_problem(root, needed):
        return MachineFinding("disk", "too full", problem, must=True)
    return MachineFinding("disk", f"{shutil.disk_usage(root).free / GB:.0f} GB free")


def is_set_up(root: Path = ROOT) -> bool:
    """Whether `make setup` has come to its end here."""
    return (root / ".local" / "stamps" / "node").exists()


def folder() -> MachineFinding:
    """Whether this user may write here, and in the folder for temporary files."""
    if not os.access(ROOT, os.W_OK):
        return MachineFinding(
            "folder", f"{ROOT} is not writable", "clone it as this user", must=True
        )
    try:
        with tempfile.TemporaryFile() as probe:
            probe.write(b".")
    except OSError as error:
        remedy = f"{error.strerror or error}: set TMPDIR to a folder that is writable"
        return MachineFinding("folder", "no temporary files", remedy, must=True)
    return MachineFinding("folder", f"{ROOT}, temporary files in {tempfile.gettempdir()}")


def home(shell: Mapping[str, str]) -> MachineFinding:
    """Where caches lie."""
    found = shell.get("HOME", "")
    fallback = str(ROOT / ".local" / "home")
    if found and found != fallback and os.access(found, os.W_OK):
        return MachineFinding("HOME", f"{found}: uv, npm and jsii keep their caches there")
    named = f"{found} is not writable" if found and found != fallback else "none that is writable"
    return MachineFinding("HOME", f"{named}: caches lie in .local/home")


def git() -> MachineFinding:
    """Whether commits can be recorded and versions compared."""
    if shutil.which("git") is None:
        return MachineFinding("git", "absent", "models name no commit: install git")
    if not (ROOT / ".git").exists():
        return MachineFinding(
            "git", "no history here", "models name no commit, `dvc` compares none"
        )
    return MachineFinding("git", _first_line(["git", "--version"]))


def curl() -> MachineFinding:
    """Whether the README's curl can sign."""
    found = re.match(r"curl (\d+)\.(\d+)", _first_line(["curl", "--version"]))
    if found is None:
        return MachineFinding("curl", "absent", "`make ask` does the same")
    version = (int(found[1]), int(found[2]))
    if version < CURL_WITH_SIGV4:
        return MachineFinding(
            "curl", f"{found[0]} cannot sign", "7.75 can; `make ask` does the same"
        )
    return MachineFinding("curl", found[0])


def ports() -> list[MachineFinding]:
    """Whether the usual ports are free; others are taken where they are not."""
    found = []
    for port, knob in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                found.append(MachineFinding(f"port {port}", "free"))
            except OSError:
                state = f"taken: a run takes a free one by itself, or names one with {knob}="
                found.append(MachineFinding(f"port {port}", state))
    return found


def variables(shell: Mapping[str, str]) -> list[MachineFinding]:
    """What this shell has set and will not reach the local stage, or make at all."""
    found = []
    named = sorted(name for name in shell if is_foreign(name) and shell[name])
    if named:
        found.append(
            MachineFinding("variables", f"not taken by the local stage: {', '.join(named)}")
        )
    if knobs := shell.get("IGNORED_KNOBS"):
        found.append(MachineFinding("knobs", f"not taken from the environment: {knobs}"))
    return found


def is_foreign(name: str) -> bool:
    """Whether a variable could steer AWS, CDK, a proxy, certificates or interpreters elsewhere."""
    if name in OWN:
        return False
    return name.startswith(("AWS_", "CDK_", "PIP_", "UV_", "NPM_", "npm_")) or name.upper() in {
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS"),
        *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"),
    }


def clock(now: float) -> MachineFinding:
    """Whether the clock is behind the files: signatures and certificates would not hold."""
    newest = max(path.stat().st_mtime for path in (ROOT / "Makefile", ROOT / "README.md"))
    shown = time.strftime("%F %T UTC", time.gmtime(now))
    if now < newest - 300:
        remedy = "it is behind the files of this clone: set it, or signed calls are refused"
        return MachineFinding("clock", shown, remedy)
    return MachineFinding("clock", shown)


def memory() -> MachineFinding:
    """Whether training beside the local cloud fits."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return MachineFinding("memory", "unknown")
    if total < MIN_MEMORY_BYTES:
        return MachineFinding("memory", f"{total / GB:.1f} GB", "a run needs about 4 GB")
    return MachineFinding("memory", f"{total / GB:.0f} GB, {os.cpu_count()} processors")


def bash() -> MachineFinding:
    """The Makefile's shell."""
    if shutil.which("bash") is None:
        return MachineFinding("bash", "absent", "the Makefile needs it: install bash", must=True)
    return MachineFinding("bash", _first_line(["bash", "--version"]).partition("(")[0].strip())


def quick() -> list[MachineFinding]:
    """What would stop a run; cheap enough to look at each time."""
    checks: list[Callable[[], MachineFinding]] = [folder, disk]
    if not (ROOT / ".local/venvs/uv/bin/uv").exists():
        checks.append(python)
    return [finding for check in checks if (finding := check()).must]


def everything(shell: Mapping[str, str]) -> list[MachineFinding]:
    """All that can be looked at."""
    return [
        python(),
        bash(),
        git(),
        curl(),
        folder(),
        disk(),
        memory(),
        home(shell),
        clock(time.time()),
        *ports(),
        *variables(shell),
    ]


def _first_line(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0]


def main(arguments: list[str] | None = None) -> int:
    """Print what was found; 1 where something must be mended."""
    parser = argparse.ArgumentParser(prog="python -m operate.doctor")
    parser.add_argument("--quick", action="store_true", help="only what would stop a run")
    if parser.parse_args(arguments).quick:
        found = quick()
        for finding in found:
            print(f"doctor: {finding.subject}: {finding.state}: {finding.remedy}", file=sys.stderr)
    else:
        found = everything(os.environ)
        for finding in found:
            print(finding.line)
    return 1 if any(finding.must for finding in found) else 0


if __name__ == "__main__":
    sys.exit(main())
