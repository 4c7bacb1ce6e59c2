"""The next version: from the commits since the last one, with the changelog's part and a tag.

Everything is looked at before anything is written; what was written is taken back where git
refuses. Nothing is pushed.
"""

from __future__ import annotations

import fcntl
import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from operate.assembly import ROOT
from operate.errors import InputError

BRANCH = "main"
PROJECT, CHANGELOG = "pyproject.toml", "CHANGELOG.md"
UNRELEASED = "## [Unreleased]"
VERSION_LINE = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
SUBJECT = re.compile(r"(?P<type>[a-z]+)(\((?P<room>[^)]*)\))?(?P<breaks>!)?: (?P<does>.*)")
BREAKS = re.compile(r"^BREAKING[ -]CHANGE: ", re.MULTILINE)
# What users can see of a commit, by its type; tests, documents and chores stand in git alone.
GROUPS = {"feat": "Added", "perf": "Changed", "refactor": "Changed", "fix": "Fixed"}
COMMITS = "### Commits"  # the part that is made, below what was written by hand


@dataclass(frozen=True)
class NextVersion:
    """What a bump would make: a number, and the changelog with its part."""

    number: str
    changelog: str

    @property
    def tag(self) -> str:
        """Of the commit that holds it."""
        return f"v{self.number}"

    @property
    def part(self) -> str:
        """What the changelog says of this version alone."""
        _, _, rest = self.changelog.partition(f"## [{self.number}]")
        return f"## [{self.number}]" + re.split(r"^## \[", rest, maxsplit=1, flags=re.MULTILINE)[0]


def bump(wanted: str = "", root: Path = ROOT) -> str:
    """Write the next version (empty: what the commits ask for), commit and tag it; returns the tag.

    Raises InputError, with the remedy, where the checkout is not one to release from.
    """
    with _alone(root):
        made = prepare(wanted, root)
        project, changelog = root / PROJECT, root / CHANGELOG
        text = project.read_text(encoding="utf-8")
        line = f'version = "{made.number}"'
        project.write_text(VERSION_LINE.sub(line, text, count=1), encoding="utf-8")
        changelog.write_text(made.changelog, encoding="utf-8")
        before = _git(root, "rev-parse", "HEAD")
        try:
            words = ("commit", "-q", "-m", f"build: release {made.number}", "--")
            _git(root, *words, PROJECT, CHANGELOG)
            _git(root, "tag", "-a", made.tag, "-m", f"Review Stars {made.number}")
        except InputError:
            # The checkout was clean: nothing but what stands above is undone.
            _git(root, "reset", "-q", "--hard", before)
            raise
    return made.tag


def prepare(wanted: str = "", root: Path = ROOT) -> NextVersion:
    """The next version as a bump would write it; writes nothing.

    Raises InputError, with the remedy, where the checkout is not one to release from.
    """
    _check_checkout(root)
    project, changelog = root / PROJECT, root / CHANGELOG
    old = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    _check_former_tag(f"v{old}", root)
    commits = _commits_since(old, root)
    if not commits:
        raise InputError(f"no commit since version {old}: there is nothing to release")
    new = _named(wanted, old) if wanted else next_version(old, commits)
    _check_tag(f"v{new}", root)
    text = changelog.read_text(encoding="utf-8")
    return NextVersion(new, released(text, new, f"{datetime.now(UTC):%F}", entries(commits)))


def entries(commits: Sequence[str]) -> str:
    """The commits' subjects as a part of the changelog, by group and room, oldest first. Pure.

    commits: whole messages, newest first. Empty where none of them is for users.
    """
    groups: dict[str, list[str]] = {name: [] for name in dict.fromkeys(GROUPS.values())}
    for message in reversed(commits):
        subject = SUBJECT.match(message.split("\n")[0])
        if subject and subject["type"] in GROUPS:
            breaks = "**breaks**: " if subject["breaks"] or BREAKS.search(message) else ""
            room = f"{subject['room']}: " if subject["room"] else ""
            line = f"- {breaks}{room}{subject['does']}"
            if line not in groups[GROUPS[subject["type"]]]:
                groups[GROUPS[subject["type"]]].append(line)
    parts = [
        "\n".join([f"#### {name}", *sorted(lines, key=_room)])
        for name, lines in groups.items()
        if lines
    ]
    return "\n\n".join([COMMITS, *parts]) + "\n" if parts else ""


def _room(line: str) -> str:
    return line.removeprefix("- **breaks**: ").removeprefix("- ").partition(": ")[0]


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


def released(changelog: str, version: str, date: str, made: str = "") -> str:
    """The changelog whose unreleased part is that of a version, below an empty one. Pure.

    made: entries from commits, which follow what was written by hand; what was made for the
    unreleased part before is replaced.
    """
    head, found, rest = changelog.partition(f"{UNRELEASED}\n")
    if not found:
        raise InputError(f"{CHANGELOG} has no line {UNRELEASED}: write it above the last version")
    if f"## [{version}]" in rest:
        raise InputError(f"{CHANGELOG} has a part of {version} already: name another version")
    part, *older = re.split(r"^(?=## \[)", rest, maxsplit=1, flags=re.MULTILINE)
    written = part.partition(f"{COMMITS}\n")[0].strip()
    if not [line for line in written.splitlines() if line and not line.startswith("#")]:
        written = ""
    whole = "\n\n".join(text for text in (written, made.strip()) if text)
    if not whole:
        raise InputError(
            f"{CHANGELOG}: {UNRELEASED} is empty, and no commit since is a feat, fix, perf or "
            "refactor: write what users can see first"
        )
    return f"{head}{found}\n## [{version}] - {date}\n\n{whole}\n\n{''.join(older)}"


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep a second bump of this repository, also in another worktree, from beginning."""
    with (Path(root, _git(root, "rev-parse", "--git-common-dir")) / "bump.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "another bump of this repository is going on: wait for it, then look at its tag"
            ) from None
        yield


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


def _check_former_tag(tag: str, root: Path) -> None:
    """The last version's tag counts the commits: one that was moved would count others."""
    here = _git(root, "rev-parse", "--verify", "-q", f"{tag}^{{commit}}", otherwise="")
    if not here:
        return
    if _git(root, "merge-base", "--is-ancestor", here, "HEAD", otherwise="no") == "no":
        raise InputError(
            f"{tag} is of a commit that is not on {BRANCH}, {here}: it was moved; put it back "
            f"(git tag -f -a {tag} and the commit that raised the version)"
        )
    if there := _git(root, "remote") and _git(root, "ls-remote", "origin", *_tag_refs(tag)):
        commit = there.splitlines()[-1].split()[0]  # an annotated tag's commit comes last
        if commit != here:
            raise InputError(
                f"{tag} is of {here} here and of {commit} on origin: it was moved; take origin's "
                f"(git fetch --force origin tag {tag}) or put it back there"
            )


def _tag_refs(tag: str) -> tuple[str, str]:
    return f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}"


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


def _git(root: Path, *words: str, otherwise: str | None = None) -> str:
    """What git says. otherwise: in the place of a failure, where one is an answer."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode and otherwise is not None:
        return otherwise
    if done.returncode:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise InputError(f"git {words[0]} failed: {last}")
    return done.stdout.strip()
