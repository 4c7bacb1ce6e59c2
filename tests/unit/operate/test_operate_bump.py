"""`make bump`: the next version with its part of the changelog and a tag, or a sentence."""

import fcntl
import re
import subprocess
import tomllib

import pytest

from operate.assembly import ROOT
from operate.bump import bump, entries, next_version, prepare, released
from operate.errors import InputError
from operate.tags import notes

CHANGELOG = """# Changelog

## [Unreleased]

### Added
- Something.

## [0.1.0] - 2026-11-28

### Added
- The first.
"""


def git(root, *words):
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root, message):
    git(root, "commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone of version 0.1.0, untagged, with one feature since, and its origin."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    origin, root = tmp_path / "origin", tmp_path / "clone"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(root))
    git(root, "checkout", "-q", "-B", "main")
    (root / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.1.0"\n')
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    git(root, "add", ".")
    commit(root, "feat(reviews): begin")
    commit(root, "feat(reviews): read more")
    git(root, "push", "-q", "-u", "origin", "main")
    return root


def test_version_changelog_and_tag_are_of_one_commit(clone, monkeypatch):
    assert bump(root=clone) == "v0.2.0"
    project = tomllib.loads((clone / "pyproject.toml").read_text())["project"]
    assert project == {"name": "x", "version": "0.2.0"}
    parts = re.findall(r"^## (.*)$", (clone / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [part[:12] for part in parts] == ["[Unreleased]", "[0.2.0] - 20", "[0.1.0] - 20"]
    assert git(clone, "rev-parse", "v0.2.0^{commit}") == git(clone, "rev-parse", "HEAD")
    assert git(clone, "status", "--porcelain") == ""
    git(clone, "push", "-q", "origin", "main")
    monkeypatch.setattr("operate.tags.ROOT", clone)
    made = "### Commits\n\n#### Added\n- reviews: read more"
    assert notes("v0.2.0") == f"### Added\n- Something.\n\n{made}"  # what cd.yml asks of the tag


@pytest.mark.parametrize(
    ("old", "messages", "new"),
    [
        ("0.1.0", ["fix(reviews): read", "docs: say"], "0.1.1"),
        ("0.1.9", ["fix: read", "feat(infra): deploy"], "0.2.0"),
        ("0.1.9", ["feat(infra)!: deploy otherwise"], "0.2.0"),
        ("1.4.2", ["feat: more"], "1.5.0"),
        ("1.4.2", ["fix!: read otherwise"], "2.0.0"),
        ("1.4.2", ["fix: read\n\nwhy\n\nBREAKING CHANGE: other keys"], "2.0.0"),
        ("1.4.2", ["said without a type: feat", "feature: no type of ours"], "1.4.3"),
    ],
)
def test_the_commits_say_which_number_is_raised(old, messages, new):
    assert next_version(old, messages) == new


def test_a_tag_counts_from_itself_on(clone):
    assert bump(root=clone) == "v0.2.0"
    (clone / "CHANGELOG.md").write_text(
        (clone / "CHANGELOG.md").read_text().replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n")
    )
    git(clone, "commit", "-qam", "fix(reviews): read the rest")
    assert bump(root=clone) == "v0.2.1"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda root: (root / "CHANGELOG.md").write_text("x"), "no commit holds"),
        (lambda root: git(root, "switch", "-q", "-c", "other"), r"on other: release from main"),
        (lambda root: git(root, "checkout", "-q", "--detach"), r"on no branch"),
        (lambda root: git(root, "tag", "v0.2.0"), r"the tag v0\.2\.0 exists: "),
        (lambda root: tag_origin(root), r"the tag v0\.2\.0 exists on origin"),
        (lambda root: say_nothing(root), "is empty, and no commit since is a feat, fix"),
        (lambda root: refuse_tags(root), "git tag failed"),
        (lambda root: move_tag(root), r"v0\.1\.0 is of a commit that is not on main"),
        (lambda root: move_tag_of_origin(root), r"v0\.1\.0 is of \w+ here and of \w+ on origin"),
        (lambda root: write(root, "## [0.1.0]\n- x\n"), r"has no line ## \[Unreleased\]"),
        (lambda root: write(root, f"{CHANGELOG}## [0.2.0]\n- x\n"), r"a part of 0\.2\.0 already"),
        (lambda root: git(root, "tag", "v0.1.0"), r"no commit since version 0\.1\.0"),
        (lambda root: fall_behind(root), "1 commits behind origin"),
        (lambda root: refuse_commits(root), "git commit failed: no commits today"),
    ],
)
def test_what_cannot_be_released_is_refused_and_nothing_changes(clone, spoil, sentence):
    spoil(clone)
    before = state(clone)
    with pytest.raises(InputError, match=sentence):
        bump(root=clone)
    assert state(clone) == before


@pytest.mark.parametrize(
    ("wanted", "sentence"), [("0.1.0", "not after"), ("0.0.9", "not after"), ("v1", "no version")]
)
def test_a_named_version_is_a_later_one(clone, wanted, sentence):
    before = state(clone)
    with pytest.raises(InputError, match=sentence):
        bump(wanted, root=clone)
    assert state(clone) == before
    assert bump("1.0.0", root=clone) == "v1.0.0"


def test_a_folder_without_git_is_refused(tmp_path):
    with pytest.raises(InputError, match="git rev-parse failed"):
        bump(root=tmp_path)


def test_the_projects_own_changelog_is_one_that_can_be_released():
    text = (ROOT / "CHANGELOG.md").read_text()
    if "- " in text.partition("## [Unreleased]")[2].partition("\n## [")[0]:
        assert "## [9.9.9] - 2027-01-01" in released(text, "9.9.9", "2027-01-01")
    else:  # the commit of a release
        with pytest.raises(InputError, match="is empty"):
            released(text, "9.9.9", "2027-01-01")


def test_entries_are_grouped_by_what_they_do_and_said_once():
    commits = [
        "feat(reviews): read more",
        "docs(readme): say it",
        "fix(operate): stop",
        "feat(infra)!: deploy otherwise",
        "feat(reviews): read more",
        "no type",
        "fix: a thing\n\nBREAKING CHANGE: keys",
    ]
    assert entries(commits).splitlines() == [
        "### Commits", "",
        "#### Added", "- **breaks**: infra: deploy otherwise", "- reviews: read more", "",
        "#### Fixed", "- **breaks**: a thing", "- operate: stop",
    ]  # fmt: skip
    assert entries(["docs: say", "test: try"]) == ""


def test_what_was_written_by_hand_stays_and_what_was_made_is_made_anew():
    first = released(CHANGELOG, "0.2.0", "2027-01-01", "### Commits\n\n#### Added\n- a\n")
    back = first.replace("## [Unreleased]\n\n## [0.2.0] - 2027-01-01", "## [Unreleased]")
    assert released(back, "0.2.0", "2027-01-01", "### Commits\n\n#### Added\n- a\n") == first
    assert "### Added\n- Something.\n\n### Commits\n\n#### Added\n- a\n\n## [0.1.0]" in first


def test_a_preview_says_what_would_be_written_and_writes_nothing(clone):
    before = state(clone)
    made = prepare(root=clone)
    assert state(clone) == before
    assert made.part.startswith("## [0.2.0] - ")
    assert made.part.rstrip().endswith("- reviews: read more")
    bump(root=clone)
    assert (clone / "CHANGELOG.md").read_text() == made.changelog


def test_two_bumps_at_once_are_one(clone):
    before = state(clone)
    with (clone / ".git" / "bump.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another bump of this repository is going on"):
            bump(root=clone)
    assert state(clone) == before
    assert bump(root=clone) == "v0.2.0"
    with pytest.raises(InputError, match=r"no commit since version 0\.2\.0"):
        bump(root=clone)


def say_nothing(root):
    git(root, "tag", "v0.1.0")
    write(root, "## [Unreleased]\n\n### Added\n\n## [0.1.0]\n")


def refuse_tags(root):
    git(root, "config", "tag.gpgSign", "true")
    git(root, "config", "gpg.program", "false")


def move_tag(root):
    git(root, "switch", "-q", "-c", "aside")
    commit(root, "feat: aside")
    git(root, "tag", "v0.1.0")
    git(root, "switch", "-q", "main")


def move_tag_of_origin(root):
    git(root, "tag", "v0.1.0", "HEAD")
    git(root, "push", "-q", "origin", "v0.1.0")
    git(root, "tag", "-f", "v0.1.0", "HEAD~1")


def tag_origin(root):
    git(root, "tag", "v0.2.0")
    git(root, "push", "-q", "origin", "v0.2.0")
    git(root, "tag", "-d", "v0.2.0")


def write(root, changelog):
    (root / "CHANGELOG.md").write_text(changelog)
    git(root, "commit", "-qam", "docs: write")
    git(root, "push", "-q", "origin", "main")


def fall_behind(root):
    commit(root, "fix: elsewhere")
    git(root, "push", "-q", "origin", "main")
    git(root, "reset", "-q", "--hard", "HEAD~1")


def refuse_commits(root):
    hook = root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no commits today >&2\nexit 1\n")
    hook.chmod(0o755)


def state(root):
    files = [(root / name).read_bytes() for name in ("pyproject.toml", "CHANGELOG.md")]
    return files, git(root, "log", "--format=%H"), git(root, "tag"), git(root, "status", "-s")
