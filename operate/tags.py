"""A tag before anything is published by it: of the version that it says, on main, not moved."""

from __future__ import annotations

import re
import subprocess
import tomllib

from operate.assembly import ROOT
from operate.errors import InputError

TAG = re.compile(r"v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)")
MAIN = "origin/main"


def notes(tag: str) -> str:
    """The part of the changelog that a tag publishes.

    Raises InputError, with the remedy, where the tag does not fit this checkout.
    """
    if not (found := TAG.fullmatch(tag)):
        raise InputError(f"{tag} is no tag of a version: name it as v1.2.3")
    version = found[1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if project["version"] != version:
        raise InputError(
            f"{tag} is not of version {project['version']} (pyproject.toml): tag the commit that "
            "raised the version"
        )
    head = _git("rev-parse", "HEAD")
    if _git("status", "--porcelain", "--untracked-files=no"):
        raise InputError("the checkout has changes that no commit holds: commit them first")
    if _git("rev-parse", f"{tag}^{{commit}}") != head:
        raise InputError(f"{tag} is not of the commit that is checked out, {head}: it was moved")
    if remote := _git("ls-remote", "origin", f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}"):
        commits = [line.split()[0] for line in remote.splitlines()]
        if commits[-1] != head:  # an annotated tag has a line of its own, the commit's comes last
            raise InputError(f"{tag} was moved on the server, to {commits[-1]}: make a new tag")
    if subprocess.run(
        ["git", "merge-base", "--is-ancestor", head, MAIN], cwd=ROOT, check=False
    ).returncode:
        raise InputError(f"{tag} is of a commit that is not on {MAIN}: merge it first")
    return _changes(version)


def _changes(version: str) -> str:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = re.split(r"^## \[([^\]]+)\].*$", text, flags=re.MULTILINE)
    changes = dict(zip(parts[1::2], parts[2::2], strict=True))
    if not changes.get(version, "").strip():
        raise InputError(f"CHANGELOG.md has nothing of [{version}]: write its section first")
    return changes[version].strip()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise InputError(f"git {words[0]} failed: {last}")
    return done.stdout.strip()
