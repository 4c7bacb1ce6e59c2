"""`make check` finds a secret before it is committed, and says where without repeating it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In two parts, so that this file has none.
KEYS = {
    "AWS Access Key": "AKIA" + "Q3EGRI5SBNW7XJ2M",
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "GitHub Token": "ghp_" + "aB3" * 12,
    "Secret Keyword": "pass" + 'word = "correct-horse-battery"',
}


@pytest.fixture(scope="module")
def leaks():
    """The script, which imports its neighbour `locks`."""
    sys.path.insert(0, str(ROOT / ".ci"))
    try:
        spec = importlib.util.spec_from_file_location("ci_leaks", ROOT / ".ci" / "leaks.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["ci_leaks"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / ".ci"))
    return module


@pytest.fixture
def project(tmp_path):
    """A repository with one file that has no secret."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text(".local/\n")
    (tmp_path / "app.py").write_text("stage = 'local'\n")
    return tmp_path


def look(leaks, root, seen=None):
    found = leaks.scan(root, leaks.files(root), {} if seen is None else seen)
    return list(leaks.problems(root, found)), found


@pytest.mark.parametrize("kind", KEYS)
def test_a_planted_secret_is_found_where_it_stands_and_not_repeated(leaks, project, kind):
    assert look(leaks, project)[0] == []
    (project / "settings.py").write_text(f"first = 1\n{KEYS[kind]}\n")
    sentences, _ = look(leaks, project)
    assert [s for s in sentences if s.startswith(f"settings.py:2: looks like a secret ({kind})")]
    assert not [s for s in sentences if KEYS[kind] in s]


def test_what_a_person_accepted_may_move_and_not_multiply_or_go(leaks, project):
    (project / "settings.py").write_text(f"key = '{KEYS['AWS Access Key']}'\n")
    leaks.accept(project, look(leaks, project)[1])
    assert KEYS["AWS Access Key"] not in (project / leaks.BASELINE).read_text()
    (project / "settings.py").write_text(f"first = 1\nkey = '{KEYS['AWS Access Key']}'\n")
    assert look(leaks, project)[0] == []
    (project / "other.py").write_text(f"key = '{KEYS['AWS Access Key']}'\n")
    assert [s.split(":")[0] for s in look(leaks, project)[0]] == ["other.py"]
    (project / "other.py").unlink()
    (project / "settings.py").write_text("first = 1\n")
    [sentence] = look(leaks, project)[0]
    assert "settings.py has no more what it names" in sentence


def test_a_file_of_the_same_bytes_is_not_read_again(leaks, project, monkeypatch):
    _, seen = look(leaks, project)
    read = []
    monkeypatch.setattr(
        leaks, "_secrets", lambda _, names: read.extend(names) or [[] for _ in names]
    )
    (project / "app.py").write_text("stage = 'dev'\n")
    look(leaks, project, seen)
    assert read == ["app.py"]


def test_many_files_are_read_by_several_processes_with_the_same_result(leaks, project):
    for number in range(leaks.PART + 1):
        text = KEYS["GitHub Token"] if number in (3, leaks.PART) else "nothing"
        (project / f"file{number:03}.txt").write_text(f"{text}\n")
    names = leaks.files(project)
    program = "import json, sys, leaks; from pathlib import Path; root = Path(sys.argv[1]); "
    program += "print(json.dumps(leaks.scan(root, leaks.files(root), {})))"
    # In a process of its own: this one may have threads, beside which none should be forked.
    words = [sys.executable, "-c", program, str(project)]
    done = subprocess.run(words, cwd=ROOT / ".ci", capture_output=True, text=True, check=True)
    together = json.loads(done.stdout)
    assert together == leaks.scan(project, names[:2], {}) | leaks.scan(project, names[2:], together)
    assert [one["filename"] for ones in together.values() for one in ones] == [
        "file003.txt",
        f"file{leaks.PART:03}.txt",
    ]


def test_without_git_all_but_made_folders_is_read(leaks, tmp_path):
    for name in (".gitignore", "app.py", ".github/ci.yml", ".local/made.py", "node_modules/x.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(".local/\nnode_modules/\n")
    assert leaks.files(tmp_path) == [".github/ci.yml", ".gitignore", "app.py"]


def test_make_check_looks_for_secrets():
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert "\t@$(PYTHON) .ci/leaks.py check\n" in recipe
