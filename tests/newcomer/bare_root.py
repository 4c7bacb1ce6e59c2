"""A Debian with Python, make, git and certificates, and nothing else, as debootstrap makes it.

Entered with chroot, in a process namespace of its own: what a run leaves behind ends there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.newcomer.machines import FETCHING
from tests.newcomer.newcomer import ROOT

PROGRAMS = "python3,python3-venv,make,git,ca-certificates"
MADE = ROOT / ".local" / "newcomer"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # of this machine, which may have a proxy
HOME = Path("home/person")
PERSON = 1000
LOOP_SECONDS = 1_500
# In a namespace of its own: what is mounted there goes with it. chroot is no program of PATH there.
ENTER = (
    '/bin/mount -t proc proc "$0/proc" && /bin/mount --rbind /dev "$0/dev" && '
    'exec /usr/sbin/chroot "$@"'
)
NEEDED = ("debootstrap", "chroot", "unshare", "mount")


@dataclass(frozen=True)
class Bare:
    """One row. suite: of Debian, which says the Python. history: a clone, or an archive."""

    suite: str
    user: str  # ordinary, or root
    history: str
    folder: str
    variables: Mapping[str, str]

    def __str__(self) -> str:
        language = self.variables.get("LANG", "unset")
        return f"{self.suite}, {self.user}, {self.history}, {self.folder}, LANG {language}"


BARE = (
    Bare("trixie", "ordinary", "clone", "review-stars", {"LANG": "C"}),
    Bare("forky", "root", "archive", "mis proyectos ñ/review stars", {"LANG": "C"}),
    Bare("bookworm", "ordinary", "archive", "mis proyectos ñ/review stars", {}),
)


def missing() -> str:
    """Why there can be no such root here; empty where there can."""
    if os.geteuid() != 0:
        return "a root of its own needs root"
    absent = [program for program in NEEDED if not shutil.which(program)]
    return f"no {', '.join(absent)} here" if absent else ""


def debian(suite: str) -> Path:
    """The root of a suite, made once and kept. Raises CalledProcessError where none can be had."""
    made, part = MADE / suite, MADE / f"{suite}.part"
    if not made.exists():
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        words = ["debootstrap", "--variant=minbase", f"--include={PROGRAMS}", suite, str(part)]
        subprocess.run(words, check=True, capture_output=True)
        part.rename(made)
    shutil.copy(CERTIFICATES, made / CERTIFICATES.relative_to("/"))
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc", name), made / "etc" / name)
    return made


@dataclass
class BareRoot:
    """A person's empty home in such a root."""

    row: Bare
    root: Path
    seconds: dict[str, float]

    @classmethod
    def make(cls, row: Bare) -> BareRoot:
        """With what that person downloads: a repository to clone, or an archive."""
        root = debian(row.suite)
        home = root / HOME
        shutil.rmtree(home, ignore_errors=True)
        (home / Path(row.folder).parent).mkdir(parents=True)
        if row.history == "clone":
            words = ["git", "clone", "-q", "--bare", "--single-branch", str(ROOT)]
            subprocess.run([*words, str(home / "origin.git")], check=True)
        else:
            words = ["git", "archive", "--prefix", f"{row.folder}/", "HEAD"]
            packed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout
            subprocess.run(["tar", "x", "-C", str(home)], input=packed, check=True)
        owner = PERSON if row.user == "ordinary" else 0
        subprocess.run(["chown", "-R", f"{owner}:{owner}", str(home)], check=True)
        return cls(row, root, {})

    @property
    def project(self) -> Path:
        """The project's folder, as seen from outside."""
        return self.root / HOME / self.row.folder

    def do(self, name: str, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell as that person, with nothing of this machine's environment."""
        kept = {n: v for n, v in os.environ.items() if n.startswith(FETCHING)}
        kept = {n: v for n, v in kept.items() if not Path(v).exists() or v == str(CERTIFICATES)}
        kept |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": f"/{HOME}", **self.row.variables}
        owner = PERSON if self.row.user == "ordinary" else 0
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", ENTER]
        words += [str(self.root), f"--userspec={owner}:{owner}", str(self.root)]
        words += ["/bin/sh", "-c", f"cd /{HOME} && {script}"]
        began = time.monotonic()
        done = subprocess.run(
            words, env=kept, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
            timeout=LOOP_SECONDS,
        )  # fmt: skip
        self.seconds[name] = round(time.monotonic() - began, 1)
        return done

    def summary(self) -> dict[str, Any]:
        """What the run has left."""
        found: dict[str, Any] = json.loads((self.project / ".local/summary.json").read_text())
        return found

    def end(self) -> None:
        """Delete the person's home; the Debian is kept for the next time."""
        shutil.rmtree(self.root / HOME, ignore_errors=True)
