"""Every resource of every stage has a price, or a reason why it has none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from operate.cost import FREE, PRICED, Estimate, Usage, estimate, read_templates

from .synthesis import Templates


def test_every_type_of_every_stage_is_known(templates: Templates) -> None:
    kinds = {resource.kind for resource in templates.resources()}
    assert kinds - PRICED.keys() - FREE == set()
    assert PRICED.keys() & FREE == set()


PAGE = Path(__file__).parents[2] / "docs" / "production.md"
USAGE = Usage(requests_per_day=10_000, reviews_per_month=1_000_000)


def priced(templates: Templates, folder: Path) -> Estimate:
    for stack, body in templates.stacks.items():
        (folder / f"{stack}.template.json").write_text(json.dumps(body))
    return estimate(read_templates(folder), USAGE, templates.stage.region)


def test_the_stage_has_a_price(templates: Templates, tmp_path: Path) -> None:
    found = priced(templates, tmp_path)
    assert found.unpriced == {}
    assert 0 < found.total.asleep <= found.total.idle < found.total.load
    assert found.parts["training jobs"].load > 0
    # A serverless one costs cents: the probe's questions.
    assert (found.parts["endpoint"].idle > 10) is (templates.stage.endpoint.kind == "instances")


def test_the_page_says_what_prod_costs(prod: Templates, tmp_path: Path) -> None:
    """In whole dollars: an alarm more makes ten cents."""
    [row] = re.findall(r"^\| \*\*all\*\* \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    idle, load, asleep = (float(cell.strip(" *")) for cell in row.split("|"))
    total = priced(prod, tmp_path).total
    assert (idle, load, asleep) == (
        pytest.approx(total.idle, abs=1.0),
        pytest.approx(total.load, abs=1.0),
        pytest.approx(total.asleep, abs=1.0),
    )
