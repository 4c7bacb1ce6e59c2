"""docs/names.md says every name of the contract, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lambdas.contract import events, keys, metrics, outputs, packages, releases

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "names.md").read_text()
ENDS = (releases.RELEASED, releases.FAILED, releases.REFUSED, releases.SUPERSEDED)
WORDS_OF_VALUES = {packages.APPROVED, packages.PENDING, packages.COMPLETED, packages.UNKNOWN}
PREFIX = re.compile(r"[a-z-]+/")


def section(title: str) -> set[str]:
    """The names in backticks of a section; in tables of all columns but the last."""
    body = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line.rsplit("|", 2)[0] if line.startswith("|") else line for line in body.splitlines()]
    return set(re.findall(r"`([^`]+)`", "\n".join(lines)))


def texts(module: ModuleType) -> set[Any]:
    return {v for k, v in vars(module).items() if k.isupper() and isinstance(v, str)}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Metrics", texts(metrics) | {metrics.release(end) for end in ENDS}),
        ("Events", texts(events) - {events.APP} | {events.source("<stage>")}),
        ("Outputs of the stacks", texts(outputs)),
        ("Keys", {v for v in texts(keys) if PREFIX.fullmatch(v)} - {keys.BASELINE}),
        (
            "Metadata of a model package",
            texts(packages) - WORDS_OF_VALUES,
        ),
    ],
)
def test_the_page_has_the_names_of_the_contract_and_no_other(
    title: str, expected: set[str]
) -> None:
    assert section(title) == expected
