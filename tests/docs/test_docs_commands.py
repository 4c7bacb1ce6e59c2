"""Every command that the Makefile offers stands in docs/commands.md, and the other way round."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PAGE = (ROOT / "docs/commands.md").read_text()
EVERY_PAGE = "".join(
    path.read_text() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
)


def documented(text: str) -> set[str]:
    """The targets that a text names as `make target`, several after one `make` too."""
    named: set[str] = set()
    for words in re.findall(r"`make ([a-z][^`\n]*)`|^make ([a-z].*)$", text, re.MULTILINE):
        bare = re.sub(r'"[^"]*"', "", words[0] or words[1])
        for word in bare.split("#")[0].split():
            if re.fullmatch(r"[a-z-]+", word):
                named.add(word)
    return named


def offered(text: str) -> set[str]:
    """The targets that `make help` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))


def test_every_target_stands_in_the_page() -> None:
    assert offered(MAKEFILE) - documented(PAGE) == set()


def test_no_page_promises_a_target_that_is_missing() -> None:
    assert documented(EVERY_PAGE) - offered(MAKEFILE) == set()


def knobs(text: str) -> set[str]:
    """What make takes from its command line."""
    found = re.search(r"^KNOBS := ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return set(found[1].replace("\\", " ").split()) if found else set()


def test_every_knob_stands_in_the_page() -> None:
    assert len(knobs(MAKEFILE)) > 10
    assert {knob for knob in knobs(MAKEFILE) if f"{knob}=" not in PAGE} == set()


def test_a_knob_over_two_lines_is_found() -> None:
    assert knobs("X := 1\nKNOBS := ONE \\\n  TWO\nY := 2\n") == {"ONE", "TWO"}


@pytest.mark.parametrize("target", ["release", "rollback", "lineage", "predict"])
def test_a_version_is_asked_for_only_where_one_is_named(target: str) -> None:
    outer = {name for name in os.environ if name.startswith(("MAKE", "MFLAGS", "VERSION"))}
    done = subprocess.run(
        ["make", "-n", target],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in outer},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.splitlines()[-1]
    assert f"operate {target}" in said
    assert re.search(r"--version (?!\"\")", said) is None, said


def test_a_target_without_a_word_in_the_page_would_be_found() -> None:
    assert offered("juggle: setup ## Keep three in the air") - documented(PAGE) == {"juggle"}
