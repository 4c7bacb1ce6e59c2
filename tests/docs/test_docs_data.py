"""docs/data.md's data dictionary is the one that the code keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviews.record import EARLIER_NAMES
from reviews.schema import COLUMNS, Column

PAGE = (Path(__file__).parents[2] / "docs/data.md").read_text()


def row_of(column: Column) -> str:
    """A column as the page has to show it."""
    kept = "kept" if column.kept else "dropped"
    cells = (f"`{column.name}`", column.kind, column.values, column.null or "never", kept)
    return f"| {' | '.join(cells)} | {column.why} |"


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_column_stands_in_the_data_dictionary(column: Column) -> None:
    assert row_of(column) in PAGE


def test_the_dictionary_has_no_other_column() -> None:
    section = PAGE.split("## Data dictionary")[1].split("\n## ")[0]
    assert sum(line.startswith("| `") for line in section.splitlines()) == len(COLUMNS) == 15


def test_every_name_of_the_earlier_schemas_stands_beside_that_of_2023() -> None:
    section = PAGE.split("## Raw files")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    shown = {name: row[2] for row in rows for name in EARLIER_NAMES if f"`{name}`" in row[1]}
    assert sorted(shown) == sorted(EARLIER_NAMES)
    assert [name for name, cell in shown.items() if f"`{EARLIER_NAMES[name]}`" not in cell] == []
