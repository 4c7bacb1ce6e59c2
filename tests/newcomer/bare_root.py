"""A Debian with Python, make, git and certificates, and nothing else, as debootstrap makes it.

Entered with chroot, in a process namespace of its own: what a run leaves behind ends there.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.newcomer.machines import FETCHING, describe, interpreters
from tests.newcomer.newcomer import ROOT

PROGRAMS = "python3,python3-venv,make,git,ca-certificates"
MADE = ROOT / ".local" / "newcomer"
MEASURED = MADE / "rows.jsonl"
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
    """One row. python: says the Debian. history: a clone, or an archive. Few rows for all pairs."""

    python: str
    user: str  # ordinary, or root
    history: str
    folder: str
    lang: str

    def __str__(self) -> str:
        return ", ".join((self.python, self.user, self.history, self.folder, self.lang))


SUITES = {"3.11": "bookworm", "3.12": "bookworm", "3.13": "trixie", "3.14": "forky"}
OWN_PYTHON = "3.12"  # no Debian has it: one of this machine is laid into /usr/local, as built there
# A clone has the name that the README gives it; whoever unpacks an archive names its folder.
PLAIN, ODD = "review-stars", "mis proyectos ñ"
CLONED, UNPACKED = f"{ODD}/review-stars", f"{ODD}/review stars"
BARE = (
    Bare("3.11", "ordinary", "archive", UNPACKED, "C"),
    Bare("3.11", "root", "clone", PLAIN, "C.UTF-8"),
    Bare("3.12", "ordinary", "clone", CLONED, "C.UTF-8"),
    Bare("3.12", "root", "archive", PLAIN, "C"),
    Bare("3.13", "ordinary", "clone", PLAIN, "C"),
    Bare("3.13", "root", "archive", UNPACKED, "C.UTF-8"),
    Bare("3.14", "ordinary", "archive", PLAIN, "C.UTF-8"),
    Bare("3.14", "root", "clone", CLONED, "C"),
)


def missing() -> str:
    """Why there can be no such root here; empty where there can."""
    if os.geteuid() != 0:
        return "a root of its own needs root"
    absent = [program for program in NEEDED if not shutil.which(program)]
    return f"no {', '.join(absent)} here" if absent else ""


def debian(python: str, *also: str) -> Path:
    """The root with this Python, made once and kept. Raises CalledProcessError where none is.

    also: Debian's packages that its person has too.
    """
    suite = SUITES[python]
    made = MADE / "-".join((python, *also))
    part = made.with_name(f"{made.name}.part")
    if not made.exists():
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        programs = ",".join((PROGRAMS, *also))
        words = ["debootstrap", "--variant=minbase", f"--include={programs}", suite, str(part)]
        subprocess.run(words, check=True, capture_output=True)
        if python == OWN_PYTHON:
            lay_own_python(part)
        part.rename(made)
    shutil.copy(CERTIFICATES, made / CERTIFICATES.relative_to("/"))
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc", name), made / "etc" / name)
    return made


def lay_own_python(root: Path) -> None:
    """This machine's Python where somebody who built it has it; without what they installed."""
    built = (path for path in interpreters() if path.parents[1] != Path("/usr"))
    mine = [path for path in built if describe(str(path))[0].startswith(f"{OWN_PYTHON}.")]
    if not mine:
        raise NoPythonError(f"no Debian has, and nobody built here, Python {OWN_PYTHON}")
    usr_local = root / "usr/local"
    for part in ("bin", "lib"):
        shutil.copytree(
            mine[0].parents[1] / part, usr_local / part, symlinks=True, dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__"),
        )  # fmt: skip
    for left in (usr_local / "bin").glob("pip*"):
        left.unlink()
    (usr_local / f"lib/python{OWN_PYTHON}/site-packages").mkdir()
    needs = "import bz2, ctypes, ensurepip, lzma, sqlite3, ssl, venv"
    for words in (["/sbin/ldconfig"], ["/usr/local/bin/python3", "-c", needs]):
        subprocess.run(["chroot", str(root), *words], check=True, capture_output=True)


def cpu_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class NoPythonError(Exception):
    """There is no such Python to lay into a root."""


@dataclass
class BareRoot:
    """A person's empty home in such a root."""

    row: Bare
    root: Path
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]

    @classmethod
    def make(cls, row: Bare, *also: str) -> BareRoot:
        """With what that person downloads: a repository to clone, or an archive."""
        root = debian(row.python, *also)
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
        return cls(row, root, {}, {})

    def clone(self, command: str) -> subprocess.CompletedProcess[str]:
        """The README's first line, as it stands but for the address, where the folder shall lie."""
        parent = shlex.quote(str(Path(self.row.folder).parent))
        return self.do("clone", f"cd {parent} && {command.replace('…', f'/{HOME}/origin.git')}")

    @property
    def project(self) -> Path:
        """The project's folder, as seen from outside."""
        return self.root / HOME / self.row.folder

    def do(self, name: str, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell as that person, with nothing of this machine's environment."""
        kept = {n: v for n, v in os.environ.items() if n.startswith(FETCHING)}
        kept = {n: v for n, v in kept.items() if not Path(v).exists() or v == str(CERTIFICATES)}
        kept |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": f"/{HOME}"}
        kept["LANG"] = self.row.lang
        owner = PERSON if self.row.user == "ordinary" else 0
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", ENTER]
        words += [str(self.root), f"--userspec={owner}:{owner}", str(self.root)]
        words += ["/bin/sh", "-c", f"cd /{HOME} && {script}"]
        began, used = time.monotonic(), cpu_seconds()
        done = subprocess.run(
            words, env=kept, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
            timeout=LOOP_SECONDS,
        )  # fmt: skip
        self.seconds[name] = round(time.monotonic() - began, 1)
        self.cpu_seconds[name] = round(cpu_seconds() - used, 1)
        return done

    def summary(self) -> dict[str, Any]:
        """What the run has left."""
        found: dict[str, Any] = json.loads((self.project / ".local/summary.json").read_text())
        return found

    def end(self) -> None:
        """Delete the person's home; the Debian is kept for the next time."""
        shutil.rmtree(self.root / HOME, ignore_errors=True)
