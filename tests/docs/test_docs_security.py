"""Every proof that the ledger of claims names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/security.md").read_text().splitlines()
    if line.startswith("| ") and "---" not in line
][1:]
PROOF = re.compile(r"`(test_\w+)`|`((?:tests/[\w/]+|test_\w+)\.py)`")
TESTS = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}


def proofs(cell: str) -> list[str]:
    """The tests and files of tests that a cell names."""
    return ["".join(found) for found in PROOF.findall(cell)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_claim_has_its_proof(row: list[str]) -> None:
    _, state, cell = row
    if state == "not":
        assert not cell
        return
    assert proofs(cell)
    for name in proofs(cell):
        if name.endswith(".py"):
            assert name.rpartition("/")[2] in TESTS, name
        else:
            assert any(f"def {name}(" in text for text in TESTS.values()), name


def test_the_ledger_holds_claims() -> None:
    assert len(ROWS) > 15
