"""What `make bench` measures stands in the README. The figures there are of the run it names."""

from __future__ import annotations

import json
from pathlib import Path

from bench import table
from bench.speed import CONTENDERS
from bench.worker import CASES
from reviews.language import DETECTORS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECTION = README.split("## Preprocessing: speed and scale")[1].split("\n## ")[0]


def test_every_way_shard_and_detector_has_its_row_in_the_readme() -> None:
    shards = (f"worker: {case.name}" for case in CASES)
    for name in (*(contender.name for contender in CONTENDERS), *DETECTORS, *shards):
        assert f"| {name} " in SECTION


def test_the_results_that_are_kept_can_be_shown() -> None:
    results = json.loads((ROOT / "bench" / "results.json").read_text())
    assert len(list(table.tables(results))) == 4
    assert all(goal["name"] in table.render(results) for goal in results["targets"])
