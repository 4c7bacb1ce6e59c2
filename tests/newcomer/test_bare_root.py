"""Both commands of the README where nothing is but what it asks for, timed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from tests.newcomer import bare_root
from tests.newcomer.bare_root import BARE, Bare, BareRoot
from tests.newcomer.newcomer import ROOT, SUMMARY

BLOCK = re.compile(r"^```sh\n(git clone .*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def person(request: pytest.FixtureRequest) -> Iterator[BareRoot]:
    if reason := bare_root.missing():
        pytest.skip(reason)
    try:
        made = BareRoot.make(request.param)
    except (subprocess.CalledProcessError, bare_root.NoPythonError) as error:
        pytest.skip(f"no Debian with Python {request.param.python} can be had here: {error}")
    yield made
    made.end()


def commands(readme: str = "README.md") -> list[str]:
    """The lines of the README's first block, without their comments."""
    found = BLOCK.search((ROOT / readme).read_text(encoding="utf-8"))
    assert found, f"{readme} begins with no git clone"
    return [line.split("#")[0].strip() for line in found[1].splitlines()]


@pytest.mark.newcomer
@pytest.mark.parametrize("person", BARE, ids=str, indirect=True)
def test_both_commands_of_the_readme_end_with_a_released_model(person: BareRoot) -> None:
    clone, run = commands()
    row: Bare = person.row
    if row.history == "clone":
        done = person.do("clone", clone.replace("…", "origin.git"))
        assert done.returncode == 0, done.stdout
    version = person.do("version", "python3 --version").stdout.split()[-1]
    assert version.startswith(f"{row.python}."), version
    done = person.do("run", f"cd {shlex.quote(row.folder)} && {run} ONCE=1")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Traceback" not in done.stdout
    summary = person.summary()
    assert set(summary) >= SUMMARY
    assert summary["endpoint"]["model_version"] == 1
    again = person.do("again", f"cd {shlex.quote(row.folder)} && {run} ONCE=1")
    assert again.returncode == 0, again.stdout[-4000:]
    figures = {"row": str(row), "python": version, "seconds": person.seconds}
    print(json.dumps(figures))
    with (bare_root.MADE / "seconds.jsonl").open("a") as file:
        file.write(json.dumps(figures) + "\n")


def test_the_readme_begins_with_two_commands_in_both_languages() -> None:
    assert [line.split()[0] for line in commands()] == ["git", "make"]
    assert commands() == commands("README.es.md")
