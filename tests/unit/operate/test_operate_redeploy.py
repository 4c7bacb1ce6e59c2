"""Going back runs the former commit's own Makefile, in a checkout of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from operate import assembly
from operate.errors import InputError
from operate.place import Place
from operate.redeploy import redeploy

MAKEFILE = "deploy:\n\t@echo $(STAGE) $(CI) {} > {}\n"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two commits, whose deploys write their number; the second one is checked out."""
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "-q")
    found = []
    for number in ("first", "second"):
        (clone / "Makefile").write_text(MAKEFILE.format(number, tmp_path / "deployed"))
        git(clone, "add", "-A")
        git(clone, "commit", "-qm", number)
        found.append(git(clone, "rev-parse", "HEAD"))
    monkeypatch.setattr(assembly, "ROOT", clone)
    return found


def test_the_former_commit_deploys_itself(
    commits: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEFLAGS", "n")  # as under make itself: it is not handed on
    assert redeploy(Place("dev"), commits[0]) == 0
    assert (tmp_path / "deployed").read_text() == "dev 1 first\n"
    assert "first" not in (tmp_path / "clone" / "Makefile").read_text()
    assert git(tmp_path / "clone", "worktree", "list").count("\n") == 0


def test_a_commit_that_the_clone_lacks_is_said(commits: list[str]) -> None:
    with pytest.raises(InputError, match="is no commit of this clone"):
        redeploy(Place("dev"), "0" * 40)
