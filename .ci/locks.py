"""Locks: what `make lock` writes, and what `make check` holds against their groups, offline.

A lock is made from one dependency group of pyproject.toml. `check` reads only files: a group's
requirement that its lock does not pin or pins to another version, a pin without a hash, a pin that
differs from that of the lock which bound it, and (where the packages are installed) a pin that
nothing asks for and a requirement of a pinned package that is not met.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (("linux", "Linux"), ("darwin", "Darwin"))
DEV = "requirements-dev.txt"


@dataclass(frozen=True)
class Lock:
    """A file made from a group.

    bound: the lock whose pins it takes. venv: where it is installed.
    """

    file: str
    group: str
    bound: str | None = None
    venv: str | None = None


LOCKS = (
    Lock(DEV, "dev", venv=".venv"),
    Lock("requirements.txt", "app", DEV, ".venv"),
    Lock("training/requirements.txt", "training", DEV, ".venv"),
    *(
        Lock(f"lambdas/{name}/requirements.txt", f"lambda-{name}", DEV, ".venv")
        for name in ("preprocess", "ratings", "learn", "release", "monitor", "probe")
    ),
    Lock("reviews/language/requirements-fasttext-176.txt", "detector-fasttext-176", DEV),
    Lock("local_cloud/requirements.txt", "emulator", venv=".local/venvs/emulator"),
    Lock("local_cloud/tracking-requirements.txt", "tracking", venv=".local/venvs/tracking"),
    Lock("notebooks/requirements.txt", "notebooks", venv=".local/venvs/notebooks"),
    Lock("docs/requirements.txt", "site", venv=".local/venvs/site"),
    Lock("bench/requirements.txt", "bench", venv=".local/venvs/bench"),
    Lock("examples/requirements.txt", "ray", DEV, ".local/venvs/ray"),
    Lock(".ci/workflows.txt", "workflows", venv=".local/venvs/workflows"),
    Lock(".ci/model-signing.txt", "model-signing", venv=".local/venvs/model-signing"),
    Lock(".ci/uv.txt", "uv", venv=".local/venvs/uv"),
)


@dataclass
class Pin:
    """One line of a lock."""

    name: str
    version: str
    marker: Any = None
    hashes: int = 0
    extras: set[str] = field(default_factory=set)

    def holds(self, environment: dict[str, str]) -> bool:
        """Whether this pin is meant for such a machine."""
        return self.marker is None or bool(self.marker.evaluate(environment))


def write(names: list[str], upgrade: bool) -> None:
    """Resolve the locks of some groups again, all where none is named. Asks the package index."""
    for lock in LOCKS:
        if names and lock.group not in names:
            continue
        print(f"lock: {lock.file}", flush=True)
        words = [os.environ.get("UV", "uv"), "pip", "compile", "-q", "--universal"]
        words += ["--python-version", PYTHONS[0], "--generate-hashes", "--no-annotate"]
        words += ["--no-header", "--group", lock.group, "-o", lock.file]
        words += ["-c", lock.bound] if lock.bound else []
        words += ["--upgrade"] if upgrade else []
        subprocess.run(words, cwd=ROOT, check=True)


def problems(root: Path = ROOT) -> Iterator[str]:
    """Each sentence says what does not fit; none where all locks fit."""
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    locks = {lock.group: lock for lock in LOCKS}
    known = set(locks)
    for group in sorted(set(groups) - known):
        yield f"pyproject.toml: group {group} has no lock; name one in .ci/locks.py"
    read: dict[str, list[Pin]] = {}
    for lock in LOCKS:
        if lock.group not in groups or not (root / lock.file).is_file():
            yield f"{lock.file}: file or group {lock.group} is not there; run `make lock`"
            continue
        pins = read[lock.file] = pins_of((root / lock.file).read_text())
        yield from _without_hash(lock, pins)
        yield from _unmet(lock, pins, requirements(groups, lock.group))
        if lock.bound in read:
            yield from _apart(lock, pins, read[lock.bound])
        if lock.venv and (installed := installed_in(root / lock.venv)):
            yield from _closure(lock, pins, requirements(groups, lock.group), installed)


def requirements(groups: dict[str, list[Any]], group: str) -> list[Any]:
    """What a group asks for, the groups that it includes too."""
    from packaging.requirements import Requirement

    asked: list[Any] = []
    for entry in groups[group]:
        if isinstance(entry, dict):
            asked += requirements(groups, entry["include-group"])
        else:
            asked.append(Requirement(entry))
    return asked


def pins_of(text: str) -> list[Pin]:
    """The pins of a lock, in order."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = []
    for line in text.replace("\\\n", " ").splitlines():
        words = re.split(r"\s--hash=", line.strip())
        if not words[0] or words[0].startswith("#"):
            continue
        asked = Requirement(words[0])
        version = str(asked.specifier).removeprefix("==")
        name = canonicalize_name(asked.name)
        pins.append(Pin(name, version, asked.marker, len(words) - 1, asked.extras))
    return pins


def _environments() -> Iterator[tuple[str, dict[str, str]]]:
    for python in PYTHONS:
        for platform, system in PLATFORMS:
            yield (
                f"Python {python} on {system}",
                {
                    "python_version": python,
                    "python_full_version": f"{python}.0",
                    "sys_platform": platform,
                    "platform_system": system,
                },
            )


def _without_hash(lock: Lock, pins: list[Pin]) -> Iterator[str]:
    for pin in pins:
        if not pin.hashes:
            yield f"{lock.file}: {pin.name} {pin.version} has no hash"


def _unmet(lock: Lock, pins: list[Pin], asked: list[Any]) -> Iterator[str]:
    from packaging.utils import canonicalize_name

    for requirement in asked:
        name = canonicalize_name(requirement.name)
        for machine, environment in _environments():
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            found = [pin.version for pin in pins if pin.name == name and pin.holds(environment)]
            if not found:
                yield f"{lock.file}: group {lock.group} asks for {requirement}, not pinned"
                break
            if not all(requirement.specifier.contains(v, prereleases=True) for v in found):
                yield (
                    f"{lock.file}: group {lock.group} asks for {requirement}, "
                    f"pinned is {found[0]} ({machine})"
                )
                break


def _apart(lock: Lock, pins: list[Pin], others: list[Pin]) -> Iterator[str]:
    """Where two locks pin the same package of one machine, both mean the same version."""
    for machine, environment in _environments():
        bound = {pin.name: pin.version for pin in others if pin.holds(environment)}
        for pin in pins:
            if not pin.holds(environment):
                continue
            if (other := bound.get(pin.name)) not in (None, pin.version):
                yield f"{lock.file}: {pin.name} {pin.version}, {lock.bound} has {other} ({machine})"


def installed_in(venv: Path) -> dict[str, Distribution]:
    from packaging.utils import canonicalize_name

    folders = [str(folder) for folder in venv.glob("lib/python*/site-packages")]
    return {canonicalize_name(found.name): found for found in distributions(path=folders)}


def _closure(
    lock: Lock, pins: list[Pin], asked: list[Any], installed: dict[str, Distribution]
) -> Iterator[str]:
    """Follow what installed packages ask for: all of it is pinned, and nothing else is.

    Markers are evaluated for this machine where a pin may be missing, and taken as true where one
    may be too many.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pinned = {pin.name for pin in pins}
    here = {pin.name for pin in pins if pin.holds({})}
    reached: dict[str, set[str]] = {}
    todo = [(lock.group, requirement, True) for requirement in asked]
    while todo:
        source, requirement, needed = todo.pop()
        name = str(canonicalize_name(requirement.name))
        if needed and name not in here:
            if source != lock.group:  # said already
                yield f"{lock.file}: {source} needs {requirement}, which is not pinned"
            continue
        fresh = {"", *requirement.extras} - reached.get(name, set())
        reached.setdefault(name, set()).update(fresh)
        if name not in installed or not fresh:
            continue
        for line in installed[name].requires or ():
            inner = Requirement(line)
            extra = _extra(inner, fresh)
            if extra is not None:
                holds = inner.marker is None or inner.marker.evaluate({"extra": extra})
                todo.append((name, inner, needed and holds))
    if set(installed) >= here:
        for spare in sorted(pinned - set(reached)):
            yield f"{lock.file}: nothing in group {lock.group} needs {spare}; run `make lock`"


def _extra(requirement: Any, extras: set[str]) -> str | None:
    """The asked extra that brings this requirement; "" where none is needed, None: not asked."""
    found = re.findall(r"""extra\s*==\s*['"]([^'"]+)""", str(requirement.marker or ""))
    if not found:
        return "" if "" in extras else None
    return next((extra for extra in found if extra in extras), None)


def main() -> int:
    """Exit 1 where a lock does not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="whether the locks fit their groups, offline")
    writer = commands.add_parser("write", help="resolve them again")
    writer.add_argument("groups", nargs="*", help="only the locks of these groups")
    writer.add_argument("--keep", action="store_true", help="keep the pins that still fit")
    asked = parser.parse_args()
    if asked.command == "write":
        write(asked.groups, upgrade=not asked.keep)
        return 0
    found = list(problems())
    print("\n".join(found) or f"{len(LOCKS)} locks fit their groups")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
