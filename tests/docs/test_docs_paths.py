"""Paths in documents, comments and settings are there: modules move, and words stay behind."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = "reviews|training|monitoring|lambdas|infra|local_cloud|operate|tests|bench|examples"
PATH = re.compile(
    rf"(?<![\w./-])((?:(?:{ROOMS}|configs|docs|notebooks|\.ci|\.github)/[\w./-]*)"
    r"[\w-]+\.(?:py|md|yaml|yml|txt))(?![\w/*<{-])"
)
MODULE = re.compile(r"(?:^|[`\s(\"])(?:python3? )?-m ((?:reviews|training|monitoring|infra|operate"
                    r"|local_cloud|bench)(?:\.\w+)*)")  # fmt: skip
TEXTS = ("*.md", "*.py", "*.yaml", "*.yml", "Makefile", "*.toml", "training/Dockerfile*")


def texts() -> list[str]:
    """What git knows, or would take. Tests make up paths; the changelog tells of what is gone."""
    found = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *TEXTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        pytest.skip("no git repository here")
    return [name for name in found.stdout.splitlines() if is_read(name)]


def is_read(name: str) -> bool:
    """Whether the paths in such a file are meant to be there."""
    return name != "CHANGELOG.md" and not name.startswith("tests/") and (ROOT / name).is_file()


def missing(text: str, folder: Path = ROOT) -> Iterator[str]:
    """The paths and modules that a text in a folder names and that are not there."""
    for path in PATH.findall(text):
        if not (ROOT / path).exists() and not (folder / path).exists():
            yield path
    for module in MODULE.findall(text):
        place = ROOT / module.replace(".", "/")
        if not (place.with_suffix(".py").exists() or (place / "__main__.py").exists()):
            yield f"-m {module}"


def test_every_path_that_is_named_is_there() -> None:
    lost = {
        f"{name}: {path}"
        for name in texts()
        for path in missing((ROOT / name).read_text(encoding="utf-8"), (ROOT / name).parent)
    }
    assert lost == set()


def test_a_path_that_is_gone_would_be_found() -> None:
    text = (
        "see `training/scorer.py`, (infra/nothing.py) and python -m reviews.nothing; reviews/*.py"
    )
    assert list(missing(text)) == ["training/scorer.py", "infra/nothing.py", "-m reviews.nothing"]
