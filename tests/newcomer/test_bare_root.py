"""Both commands of the README where nothing is but what it asks for, timed."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import pytest

from tests.newcomer import bare_root
from tests.newcomer.bare_root import BARE, CLONED, MEASURED, PLAIN, Bare, BareRoot
from tests.newcomer.machines import PYTHONS
from tests.newcomer.newcomer import ROOT, SUMMARY

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


JSON = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
KEY = re.compile(r'"(\w+)": ')
# Of a locale that this Debian has no words for; curl is what the page shows besides make.
SPANISH = Bare("3.13", "ordinary", "clone", CLONED, "es_ES.UTF-8")


@pytest.fixture
def person(request: pytest.FixtureRequest) -> Iterator[BareRoot]:
    row, *also = request.param if isinstance(request.param, tuple) else (request.param,)
    if reason := bare_root.missing():
        pytest.skip(reason)
    try:
        made = BareRoot.make(row, *also)
    except (subprocess.CalledProcessError, bare_root.NoPythonError) as error:
        pytest.skip(f"no Debian with Python {row.python} can be had here: {error}")
    yield made
    made.end()


def blocks(readme: str = "README.md") -> list[str]:
    """The README's blocks of shell, in order, without their comments."""
    found = BLOCK.findall((ROOT / readme).read_text(encoding="utf-8"))
    return [re.sub(r"\s+# .*", "", block) for block in found]


def commands(readme: str = "README.md") -> list[str]:
    """The lines of the README's first block."""
    return blocks(readme)[0].splitlines()


@pytest.mark.newcomer
@pytest.mark.parametrize("person", BARE, ids=str, indirect=True)
def test_both_commands_of_the_readme_end_with_a_released_model(person: BareRoot) -> None:
    clone, run = commands()
    row: Bare = person.row
    if row.history == "clone":
        done = person.clone(clone)
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
    figures = {"row": str(row), "version": version, **asdict(row)}
    figures |= {"first": person.seconds["run"], "again": person.seconds["again"]}
    figures |= {"cpu_first": person.cpu_seconds["run"], "cpu_again": person.cpu_seconds["again"]}
    figures |= {"printed": done.stdout[done.stdout.rindex("\nreviews ") :].strip().splitlines()}
    with MEASURED.open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")


# What a second terminal does while the first one serves, and the first one's Ctrl-C.
WALK = """
cd {folder}
bash -c 'set -m; {run} > serving.txt 2>&1 & echo $! > ../run.pid'
until grep -qs 'Serving' serving.txt; do
  kill -0 $(cat ../run.pid) || {{ cat serving.txt; exit 1; }}
  sleep 1
done
echo '{{"by make":'
bash -c {ask}
echo ', "by curl":'
bash -c {curl} 2> ../curl.txt
echo '}}'
bash -c 'kill -INT -- -$(cat ../run.pid)'
while kill -0 $(cat ../run.pid) 2>/dev/null; do sleep 1; done
"""


@pytest.mark.newcomer
@pytest.mark.parametrize("person", [(SPANISH, "curl")], ids=["curl"], indirect=True)
def test_who_reads_spanish_alone_gets_from_clone_to_an_answer(person: BareRoot) -> None:
    """Block by block of README.es.md: clone, run, and while it serves, ask by make and by curl."""
    _, _, ask, curl, *_ = blocks("README.es.md")
    clone, run = commands("README.es.md")
    [shown] = JSON.findall((ROOT / "README.es.md").read_text(encoding="utf-8"))
    keys = set(KEY.findall(shown))
    done = person.clone(clone)
    assert done.returncode == 0, done.stdout
    parts = {"folder": shlex.quote(person.row.folder), "run": run, "ask": shlex.quote(ask)}
    done = person.do("walk", WALK.format(**parts, curl=shlex.quote(curl)))
    assert done.returncode == 0, done.stdout[-4000:]
    answers = json.loads(done.stdout)
    for answer in answers.values():
        assert (answer["stars"], answer["model_version"]) == (1, "1"), answers
        assert set(KEY.findall(json.dumps(answer))) == keys
        for name in ("expected_stars", "confidence"):
            assert f'"{name}": {answer[name]:.2f}' in shown
    said = (person.project / "serving.txt").read_text(encoding="utf-8")
    assert "stopping" in said.rpartition("Serving")[2]
    assert "Traceback" not in said


def test_the_readme_begins_with_two_commands_in_both_languages() -> None:
    assert [line.split()[0] for line in commands()] == ["git", "make"]
    assert commands() == commands("README.es.md")


def test_every_two_values_meet_in_a_bare_root() -> None:
    def values(row: Bare) -> dict[str, str]:
        return {**asdict(row), "folder": "plain" if row.folder == PLAIN else "blank and accent"}

    def paired(rows: Iterable[dict[str, str]]) -> set[tuple[tuple[str, str], ...]]:
        return {pair for row in rows for pair in itertools.combinations(row.items(), 2)}

    rows = [values(row) for row in BARE]
    each = [sorted({row[name] for row in rows}) for name in rows[0]]
    wanted = paired(dict(zip(rows[0], some, strict=True)) for some in itertools.product(*each))
    assert [len(some) for some in each] == [len(PYTHONS), 2, 2, 2, 2]
    assert wanted - paired(rows) == set()
