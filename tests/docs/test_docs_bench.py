"""What `make bench` measured stands in docs/benchmarks.md: every figure of one run."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import forms, table
from bench.speed import CONTENDERS
from bench.worker import CASES
from reviews.language import DETECTORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Preprocessing: speed and scale")[1].split("\n## ")[0]
RESULTS = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))
PROMISES = 21


def rows(markdown: str) -> Iterator[tuple[str, ...]]:
    """The cells of each row of each table, heads too, without what only draws them."""
    for line in markdown.splitlines():
        if line.startswith("|") and not line.replace(" ", "").startswith("|---"):
            yield tuple(cell.strip() for cell in line.strip("|").split("|"))


def missing(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """The rows of a run that the page does not have."""
    shown = set(rows(SECTION))
    return [row for part in table.tables(results) for row in rows(part) if row not in shown]


def test_every_figure_that_was_measured_stands_in_the_readme() -> None:
    assert len(list(table.tables(RESULTS))) == 5
    assert missing(RESULTS) == []


def test_a_figure_of_another_run_would_be_found() -> None:
    other = copy.deepcopy(RESULTS)
    other["speed"]["contenders"]["plain loop"]["peak_megabytes"] += 1
    assert [row[0] for row in missing(other)] == ["plain loop"]


@pytest.mark.parametrize(
    "name",
    [contender.name for contender in CONTENDERS]
    + [f"worker: {case.name}" for case in CASES]
    + list(forms.CASES)
    + list(DETECTORS),
)
def test_every_way_shard_and_detector_has_its_row_in_the_readme(name: str) -> None:
    assert [row for row in rows(SECTION) if row[0] == name]


def test_every_promise_is_kept_by_the_figures_that_are_kept() -> None:
    targets = table.targets(RESULTS)
    assert len(targets) == PROMISES
    assert targets == RESULTS["targets"]
    assert [target["name"] for target in targets if not target["met"]] == []
    shown = {row[0]: row[1:] for row in rows(table.render(RESULTS))}
    for target in targets:
        assert shown[target["name"]] == (f"{target['value']:g}", target["promised"], "yes")
