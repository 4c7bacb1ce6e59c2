"""What the bare roots took and printed stands in the documents, as it was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.newcomer.figures import KEPT, ROOT, blocks, measured, within

ROWS = json.loads(KEPT.read_bytes())
BLOCKS = [
    (path, marks, words) for path, found in blocks(ROWS).items() for marks, words in found.items()
]


@pytest.mark.parametrize(("path", "marks", "words"), BLOCKS)
def test_the_document_has_what_was_measured(path: Path, marks: tuple[str, str], words: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert within(text, *marks) == words, f"{path.name}: run python -m tests.newcomer.figures"


def test_another_measurement_would_be_found() -> None:
    other = [ROWS[0] | {"first": ROWS[0]["first"] + 1000}, *ROWS[1:]]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    changed = blocks(other)[ROOT / "README.md"]
    assert [words for marks, words in changed.items() if within(text, *marks) != words] != []


def test_the_last_measurement_of_a_row_counts_and_a_row_that_is_no_more_does_not() -> None:
    rows = [ROWS[0] | {"first": 1.0}, ROWS[0] | {"first": 2.0}, ROWS[0] | {"row": "2.7, nobody"}]
    assert measured([json.dumps(row) for row in rows]) == [rows[1]]
