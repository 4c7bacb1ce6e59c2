"""docs/api.md is what the API's own description makes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_of_todays_description() -> None:
    spec = importlib.util.spec_from_file_location("api_page", ROOT / "docs/api_page.py")
    assert spec
    assert spec.loader
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    description = json.loads((ROOT / "lambdas/ratings/openapi.json").read_text())
    page = (ROOT / "docs/api.md").read_text()
    assert page == maker.page(description), "run `make diagrams`"
    for path in description["paths"]:
        assert path in page
