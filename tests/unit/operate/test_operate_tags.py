"""A tag publishes only what it says: its version, on main, where the server has it too."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from operate import tags
from operate.errors import InputError


class Clone:
    """A clone with one commit of version 1.2.3 on main, and its server."""

    def __init__(self, folder: Path) -> None:
        self.path, self.server = folder / "clone", folder / "server"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.server)], check=True)
        subprocess.run(["git", "init", "-q", "-b", "main", str(self.path)], check=True)
        self.write("pyproject.toml", '[project]\nversion = "1.2.3"\n')
        self.write(
            "CHANGELOG.md", "# C\n\n## [Unreleased]\n\n## [1.2.3] - 2026\n- New.\n\n## [1.0.0]\n"
        )
        self.git("remote", "add", "origin", str(self.server))
        self.commit()
        self.git("push", "-q", "origin", "main")
        self.git("fetch", "-q", "origin")

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=self.path, check=True, capture_output=True)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "x")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    made = Clone(tmp_path)
    monkeypatch.setattr(tags, "ROOT", made.path)
    return made


@pytest.mark.parametrize("more", [[], ["-a", "-m", "annotated"]])
def test_a_tag_that_fits_gives_its_part_of_the_changelog(clone: Clone, more: list[str]) -> None:
    clone.git("tag", *more, "v1.2.3")
    clone.git("push", "-q", "origin", "v1.2.3")
    assert tags.notes("v1.2.3") == "- New."


def test_a_name_that_is_no_version_is_refused(clone: Clone) -> None:
    for name in ("1.2.3", "v1.2", "v1.2.3 ; rm", "main"):
        with pytest.raises(InputError, match="is no tag of a version"):
            tags.notes(name)


def test_another_version_is_refused(clone: Clone) -> None:
    with pytest.raises(InputError, match=r"v1.2.4 is not of version 1.2.3 \(pyproject"):
        tags.notes("v1.2.4")


def test_a_tag_that_is_not_there_is_refused(clone: Clone) -> None:
    with pytest.raises(InputError, match="git rev-parse failed"):
        tags.notes("v1.2.3")


def test_a_dirty_tree_is_refused(clone: Clone) -> None:
    clone.git("tag", "v1.2.3")
    clone.write("CHANGELOG.md", "changed")
    with pytest.raises(InputError, match="has changes that no commit holds"):
        tags.notes("v1.2.3")


def test_a_tag_of_another_commit_is_refused(clone: Clone) -> None:
    clone.git("tag", "v1.2.3")
    clone.write("more", "")
    clone.commit()
    with pytest.raises(InputError, match="is not of the commit that is checked out"):
        tags.notes("v1.2.3")


@pytest.mark.parametrize("more", [[], ["-a", "-m", "annotated"]])
def test_a_tag_that_was_moved_on_the_server_is_refused(clone: Clone, more: list[str]) -> None:
    clone.git("tag", *more, "v1.2.3")
    clone.git("push", "-q", "origin", "v1.2.3")
    clone.write("more", "")
    clone.commit()
    clone.git("tag", "-f", *more, "v1.2.3")
    clone.git("push", "-qf", "origin", "v1.2.3", "main")
    clone.git("fetch", "-q", "origin")
    clone.git("reset", "-q", "--hard", "HEAD~1")
    clone.git("tag", "-f", *more, "v1.2.3")
    with pytest.raises(InputError, match="was moved on the server"):
        tags.notes("v1.2.3")


def test_a_commit_that_is_not_on_main_is_refused(clone: Clone) -> None:
    clone.write("more", "")
    clone.commit()
    clone.git("tag", "v1.2.3")
    with pytest.raises(InputError, match="is of a commit that is not on origin/main"):
        tags.notes("v1.2.3")


def test_a_changelog_that_says_nothing_of_it_is_refused(clone: Clone) -> None:
    clone.write("CHANGELOG.md", "# C\n\n## [1.2.3]\n\n## [1.0.0]\n- Old.\n")
    clone.commit()
    clone.git("push", "-q", "origin", "main")
    clone.git("fetch", "-q", "origin")
    clone.git("tag", "v1.2.3")
    with pytest.raises(InputError, match=r"CHANGELOG.md has nothing of \[1.2.3\]"):
        tags.notes("v1.2.3")
