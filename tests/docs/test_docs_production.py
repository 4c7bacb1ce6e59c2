"""The way to production names what there is: keys of stages, targets, files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "production.md").read_text()
PROD = yaml.safe_load((ROOT / "configs" / "prod.yaml").read_text())
KEYS = sorted(set(re.findall(rf"`((?:{'|'.join(PROD)})\.\w+)[`:]", PAGE)))


def test_its_steps_follow_each_other() -> None:
    steps = [int(number) for number in re.findall(r"^(\d+)\. \*\*", PAGE, re.MULTILINE)]
    assert steps == list(range(1, 13))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_that_it_names_is_of_a_stage(key: str) -> None:
    part, _, name = key.partition(".")
    assert name in PROD[part]


def test_it_names_keys() -> None:
    assert len(KEYS) > 5


def test_the_readme_says_the_same_price() -> None:
    [row] = re.findall(r"^\| \*\*all\*\* \|(.*)\|$", PAGE, re.MULTILINE)
    idle, _, asleep = (cell.strip(" *") for cell in row.split("|"))
    assert f"about ${idle} a month idle and ${asleep} asleep" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z]+)", PAGE))))
def test_every_target_that_it_names_is_there(target: str) -> None:
    assert re.search(rf"^{target}: ", (ROOT / "Makefile").read_text(), re.MULTILINE)


TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
FAULTS = re.findall(r"^\| (\d+)\. (.+?) \| (.+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("number", "fault", "tests"), FAULTS)
def test_every_fault_names_tests_that_are_there(number: str, fault: str, tests: str) -> None:
    names = re.findall(r"`(test_\w+)`", tests)
    assert names, fault
    assert [name for name in names if f"def {name}(" not in TESTS] == []


def test_all_fourteen_faults_have_a_row() -> None:
    assert sorted({int(number) for number, _, _ in FAULTS}) == list(range(1, 15))
