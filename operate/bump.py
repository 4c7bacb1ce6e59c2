"""The next version: from the commits since the last one, with the changelog's part and a tag.

Everything is looked at before anything is written; what was written is taken back where git
refuses. Nothing is pushed.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from operate.assembly import ROOT
from operate.errors import InputError

BRANCH = "main"
PROJECT, CHANGELOG = "pyproject.toml", "CHANGELOG.md"
UNRELEASED = "## [Unreleased]"
VERSION_LINE = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
SUBJECT = re.compile(r"(?P<type>[a-z]+)(\([^)]*\))?(?P<breaks>!)?: ")
BREAKS = re.compile(r"^BREAKING[ -]CHANGE: ", re.MULTILINE)


def bump(wanted: str = "", root: Path = ROOT) -> str:
    """Write the next version (empty: what the commits ask for), commit and tag it; returns the tag.

    Raises InputError, with the remedy, where the checkout is not one to release from.
    """
    _check_checkout(root)
    project, changelog = root / PROJECT, root / CHANGELOG
    old = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    commits = _commits_since(old, root)
    if not commits:
        raise InputError(f"no commit since version {old}: there is nothing to release")
    new = _named(wanted, old) if wanted else next_version(old, commits)
    tag = f"v{new}"
    _check_tag(tag, root)
    changes = released(changelog.read_text(encoding="utf-8"), new, f"{datetime.now(UTC):%F}")
    text = project.read_text(encoding="utf-8")
    project.write_text(VERSION_LINE.sub(f'version = "{new}"', text, count=1), encoding="utf-8")
    changelog.write_text(changes, encoding="utf-8")
    try:
        _git(root, "commit", "-q", "-m", f"build: release {new}", "--", PROJECT, CHANGELOG)
    except InputError:
        _git(root, "checkout", "-q", "HEAD", "--", PROJECT, CHANGELOG)
        raise
    _git(root, "tag", "-a", tag, "-m", f"Review Stars {new}")
    return tag


def next_version(old: str, commits: Sequence[str]) -> str:
    """What Conventional Commits ask for: a break, a feature, or neither. Pure.

    commits: whole messages. Before 1.0 a break raises the second number, as SemVer allows.
    """
    major, minor, patch = _numbers(old)
    kinds = [SUBJECT.match(message) for message in commits]
    breaks = any(kind and kind["breaks"] for kind in kinds) or any(map(BREAKS.search, commits))
    if breaks and major:
        return f"{major + 1}.0.0"
    if breaks or any(kind and kind["type"] == "feat" for kind in kinds):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def released(changelog: str, version: str, date: str) -> str:
    """The changelog whose unreleased part is that of a version, below an empty one. Pure."""
    head, found, rest = changelog.partition(f"{UNRELEASED}\n")
    if not found:
        raise InputError(f"{CHANGELOG} has no line {UNRELEASED}: write it above the last version")
    part = re.split(r"^## \[", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not [line for line in part.splitlines() if line.strip() and not line.startswith("#")]:
        raise InputError(f"{CHANGELOG}: {UNRELEASED} is empty: write what users can see first")
    if f"## [{version}]" in rest:
        raise InputError(f"{CHANGELOG} has a part of {version} already: name another version")
    return f"{head}{found}\n## [{version}] - {date}\n{rest}"


def _check_checkout(root: Path) -> None:
    if Path(_git(root, "rev-parse", "--show-toplevel")).resolve() != root.resolve():
        raise InputError(f"{root} is no git repository of its own: release from a clone")
    branch = _git(root, "branch", "--show-current") or "no branch"
    if branch != BRANCH:
        raise InputError(
            f"the checkout is on {branch}: release from {BRANCH} (git switch {BRANCH})"
        )
    if _git(root, "status", "--porcelain", "--untracked-files=no"):
        raise InputError("the checkout has changes that no commit holds: commit them first")
    if _git(root, "for-each-ref", f"refs/remotes/origin/{BRANCH}"):
        behind = _git(root, "rev-list", "--count", f"HEAD..origin/{BRANCH}")
        if behind != "0":
            raise InputError(f"{BRANCH} is {behind} commits behind origin: git pull first")


def _check_tag(tag: str, root: Path) -> None:
    if _git(root, "tag", "--list", tag):
        raise InputError(f"the tag {tag} exists: name another version with VERSION=")
    if _git(root, "remote") and _git(root, "ls-remote", "origin", f"refs/tags/{tag}"):
        raise InputError(f"the tag {tag} exists on origin: name another version with VERSION=")


def _commits_since(version: str, root: Path) -> list[str]:
    """Messages since the tag of a version; without one, since the commit that wrote it."""
    since = f"v{version}"
    if not _git(root, "tag", "--list", since):
        since = _git(root, "log", "-1", "--format=%H", f'-Sversion = "{version}"', "--", PROJECT)
    listed = _git(root, "log", "-z", "--format=%B", f"{since}..HEAD" if since else "HEAD")
    return [message.strip() for message in listed.split("\0") if message.strip()]


def _named(wanted: str, old: str) -> str:
    if _numbers(wanted) <= _numbers(old):
        raise InputError(f"version {wanted} is not after {old}: name a later one with VERSION=")
    return wanted


def _numbers(version: str) -> tuple[int, int, int]:
    if not (found := VERSION.fullmatch(version)):
        raise InputError(f"{version} is no version: name three numbers, as 1.2.3")
    return int(found[1]), int(found[2]), int(found[3])


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise InputError(f"git {words[0]} failed: {last}")
    return done.stdout.strip()
