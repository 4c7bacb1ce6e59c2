"""The three notebooks run from an empty kernel, hold no outputs, and their pages are of today."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local/venvs/notebooks/bin/python"
REAL = ROOT.parent / "shared/data/modern_short_20k.jsonl.gz"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
needs_kernel = pytest.mark.skipif(
    not PYTHON.exists(), reason="no kernel here: run `make sdk`, which installs it"
)


def cells(notebook: Path, kind: str) -> list[str]:
    """The sources of a notebook's cells of one kind."""
    content = json.loads(notebook.read_text())
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def files(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """The contents of a folder's files by their names."""
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def make_pages(name: str, out: Path, *options: str) -> dict[str, bytes]:
    """Run one notebook; returns its page and its pictures."""
    words = [str(PYTHON), "notebooks/pages.py", name, "--out", str(out), *options]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return files(out)


def test_there_are_three_and_none_holds_an_output() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_exploration",
        "02_preprocessing",
        "03_training",
    ]
    for notebook in NOTEBOOKS:
        for cell in json.loads(notebook.read_text())["cells"]:
            assert not cell.get("outputs"), notebook.name
            assert cell.get("execution_count") is None, notebook.name


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_page_in_docs_is_of_today(notebook: Path) -> None:
    page = (ROOT / "docs/notebooks" / f"{notebook.stem}.md").read_text()
    shown = re.findall(r"^```python\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE)
    assert shown == cells(notebook, "code"), "run `make notebooks`"
    for words in cells(notebook, "markdown"):
        assert words.strip() in page, "run `make notebooks`"
    pictures = set(re.findall(r"!\[svg\]\((.*?)\)", page))
    assert pictures
    assert pictures == set(files(ROOT / "docs/notebooks", f"{notebook.stem}_files/*"))


@needs_kernel
@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_its_page_is_made_again_without_a_difference(
    notebook: Path, tmp_path: Path
) -> None:
    made, kept = make_pages(notebook.stem, tmp_path), ROOT / "docs/notebooks"
    page = made[f"{notebook.stem}.md"].decode()
    for word in ("Traceback", "Warning", str(ROOT)):
        assert word not in page
    differing = [name for name, content in made.items() if (kept / name).read_bytes() != content]
    assert differing == [], "run `make notebooks`, and look at what has changed"


@needs_kernel
@pytest.mark.slow
def test_it_reads_a_file_of_ones_own(tmp_path: Path) -> None:
    if not REAL.exists():
        pytest.skip("no real reviews here (../shared/data)")
    made = make_pages("01_exploration", tmp_path, "--data", str(REAL))
    assert b"20,111 lines read" in made["01_exploration.md"]


@needs_kernel
def test_what_a_cell_says_went_wrong_is_said(tmp_path: Path) -> None:
    words = [str(PYTHON), "notebooks/pages.py", "01_exploration", "--out", str(tmp_path)]
    words += ["--data", "no-such-file.jsonl"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "no-such-file.jsonl: there is no such file" in done.stderr
