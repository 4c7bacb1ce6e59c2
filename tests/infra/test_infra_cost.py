"""Every resource of every stage has a price, or a reason why it has none."""

from __future__ import annotations

import json
from pathlib import Path

from operate.cost import FREE, PRICED, Usage, estimate, read_templates

from .synthesis import Templates


def test_every_type_of_every_stage_is_known(templates: Templates) -> None:
    kinds = {resource.kind for resource in templates.resources()}
    assert kinds - PRICED.keys() - FREE == set()
    assert PRICED.keys() & FREE == set()


def test_the_stage_has_a_price(templates: Templates, tmp_path: Path) -> None:
    for stack, body in templates.stacks.items():
        (tmp_path / f"{stack}.template.json").write_text(json.dumps(body))
    usage = Usage(requests_per_day=10_000, reviews_per_month=1_000_000)
    found = estimate(read_templates(tmp_path), usage, templates.stage.region)
    assert found.unpriced == {}
    assert 0 < found.total.asleep <= found.total.idle < found.total.load
    assert found.parts["training jobs"].load > 0
    assert (found.parts["endpoint"].idle > 0) is (templates.stage.endpoint.kind == "instances")
