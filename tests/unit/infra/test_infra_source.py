"""The commit that is recorded is the one that holds the files, or says that it is not."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.source import DeployedSource, read_commit
from reviews.digest import digest_files, digest_program, mark_dirty

DIRTY = re.compile(r"[0-9a-f]{40}-dirty\.[0-9a-f]{12}")


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody, whatever this machine has configured."""
    no_settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **no_settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def write_tree(folder: Path) -> None:
    """The smallest tree that is a project of ours."""
    for name, content in {
        "configs/model.yaml": "languages: [en]\n",
        "training/train.py": "pass\n",
        "reviews/clean.py": "pass\n",
        "monitoring/drift.py": "pass\n",
        "README.md": "words\n",
        ".gitignore": "__pycache__/\n.local/\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed tree."""
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    folder = tmp_path / "project"
    write_tree(folder)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_a_clean_tree_is_its_commit(project: Path) -> None:
    assert read_commit(project) == git(project, "rev-parse", "HEAD")
    (project / ".local").mkdir()
    (project / ".local" / "summary.json").write_text("ignored")
    (project / "my reviews.jsonl").write_text("data of a user is no part of a model's code")
    assert DeployedSource.read(project).commit == git(project, "rev-parse", "HEAD")


def edit(project: Path) -> None:
    (project / "configs/model.yaml").write_text("languages: [en, de]\n")


def stage(project: Path) -> None:
    edit(project)
    git(project, "add", "-A")


def add(project: Path) -> None:
    (project / "training" / "è new.py").write_text("pass\n")


def delete(project: Path) -> None:
    (project / "reviews/clean.py").unlink()


def document(project: Path) -> None:
    (project / "README.md").write_text("other words\n")


@pytest.mark.parametrize("change", [edit, stage, add, delete])
def test_a_changed_tree_is_marked_with_what_differs(project: Path, change) -> None:
    head = git(project, "rev-parse", "HEAD")
    change(project)
    read = DeployedSource.read(project)
    marked = read.commit
    assert read.is_edited
    assert DIRTY.fullmatch(marked)
    assert marked.startswith(head)
    assert read_commit(project) == marked  # the same difference, the same mark


def test_what_no_job_runs_marks_nothing(project: Path) -> None:
    document(project)
    (project / "lambdas").mkdir()
    (project / "lambdas" / "new.py").write_text("pass\n")
    read = DeployedSource.read(project)
    assert (read.commit, read.is_edited) == (git(project, "rev-parse", "HEAD"), False)


def test_two_differences_have_two_marks(project: Path) -> None:
    marks = set()
    for words in ("a", "b", "c"):
        (project / "configs/model.yaml").write_text(f"languages: [{words}]\n")
        marks.add(read_commit(project))
    assert len(marks) == 3


def test_a_repository_that_only_encloses_ours_is_not_ours(project: Path) -> None:
    inner = project / "vendor" / "review stars"
    write_tree(inner)
    assert read_commit(inner) == "unknown"
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "two")
    assert read_commit(inner) == git(project, "rev-parse", "HEAD")  # now it holds our files
    (project / "README.md").write_text("elsewhere in the repository\n")
    assert read_commit(inner) == git(project, "rev-parse", "HEAD")


def test_without_history_the_commit_is_the_one_that_is_named(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain"
    write_tree(plain)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert DeployedSource.read(plain).commit == "unknown"
    monkeypatch.setenv("GIT_COMMIT", "f" * 40)
    assert DeployedSource.read(plain).commit == "f" * 40
    edit(project)  # where there is history, no variable hides that the tree was changed
    assert DIRTY.fullmatch(DeployedSource.read(project).commit)


def test_the_shell_s_git_variables_name_no_other_repository(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    write_tree(other)
    git(other, "init", "-q")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "another")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert read_commit(project) == git(project, "rev-parse", "HEAD")


def test_no_git_is_no_commit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert read_commit(project) == "unknown"


def test_a_program_is_named_by_its_sources_and_settings_alone(project: Path) -> None:
    before = digest_program(project)
    (project / "training" / "__pycache__").mkdir()
    (project / "training" / "__pycache__" / "train.cpython-313.pyc").write_bytes(b"code")
    (project / "training" / "Dockerfile").write_text("FROM scratch")
    assert digest_program(project) == before
    edit(project)
    edited = digest_program(project)
    add(project)
    assert len({before, edited, digest_program(project)}) == 3


def test_names_and_contents_are_both_part_of_a_digest(tmp_path: Path) -> None:
    (tmp_path / "ab").write_text("c")
    (tmp_path / "a").write_text("bc")
    assert digest_files(tmp_path, [Path("ab")]) != digest_files(tmp_path, [Path("a")])
    assert digest_files(tmp_path, [Path("a"), Path("ab")]) == digest_files(
        tmp_path, [Path("ab"), Path("a")]
    )


def test_a_mark_is_never_put_on_a_mark() -> None:
    digest = hashlib.sha256(b"").hexdigest()
    once = mark_dirty("c" * 40, digest)
    assert mark_dirty(once, digest) == once
