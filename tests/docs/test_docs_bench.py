"""What `make bench` measures stands in the README. The figures there are of the run it names."""

from __future__ import annotations

import json
from pathlib import Path

from bench import table
from bench.speed import CONTENDERS
from reviews.language import DETECTORS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECTION = README.split("## Preprocessing: speed and scale")[1].split("\n## ")[0]


def test_every_way_and_every_detector_has_its_row_in_the_readme() -> None:
    for name in (*(contender.name for contender in CONTENDERS), *DETECTORS):
        assert f"| {name} " in SECTION


def test_the_results_that_are_kept_can_be_shown() -> None:
    results = json.loads((ROOT / "bench" / "results.json").read_text())
    assert len(list(table.tables(results))) == 3
    assert all(goal["name"] in table.render(results) for goal in results["targets"])
