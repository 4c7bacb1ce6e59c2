"""Rows on disk: in the order of their keys, each once, in files that memory can hold."""

from pathlib import Path

import numpy as np
import pytest

from training.data import partitions
from training.data.dataset import Rows


def make_rows(keys: np.ndarray) -> Rows:
    n = len(keys)
    return Rows(
        rating=np.arange(n) % 5 + 1,
        title=[f'title "{key}"' for key in keys],
        text=[f"línea uno\nline two {key} 🙂" for key in keys],
        verified_purchase=(np.arange(n) % 3 - 1).astype(np.int8),
        language=np.array(["en", "de"] * n, "U8")[:n],
        markup=np.arange(n) % 2 == 0,
        bucket=np.arange(n) % 100,
        review_key=keys.astype(np.uint64),
    )


def columns(parts) -> list[tuple]:
    return [
        row
        for rows in parts
        for row in zip(
            *(np.asarray(getattr(rows, name)).tolist() for name in rows.__dataclass_fields__),
            strict=True,
        )
    ]


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of 32 rows, so that a thousand rows need many."""
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 32)


@pytest.fixture
def rows() -> Rows:
    keys = np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64)
    keys[:3] = 0, 2**64 - 1, 2**63
    return make_rows(keys)


def test_every_row_comes_back_whole_in_the_order_of_its_key(tmp_path: Path, few_rows, rows):
    halves = [rows.take(np.arange(600)), rows.take(np.arange(600, 1000))]
    parts = partitions.partition_rows(halves, tmp_path / "rows", 1000)
    assert len(parts) == 32
    ordered = rows.take(np.argsort(rows.review_key))
    assert columns(partitions.read(parts)) == columns([ordered])


def test_copies_are_read_once_whatever_part_of_the_stream_they_came_in(tmp_path, few_rows, rows):
    parts = partitions.partition_rows(
        [rows, rows.take(np.arange(500)), rows], tmp_path / "rows", 2500
    )
    found = [key for part in partitions.read(parts) for key in part.review_key.tolist()]
    assert found == sorted(rows.review_key.tolist())


def test_more_rows_than_were_expected_are_partitioned_again(tmp_path: Path, few_rows, rows):
    parts = partitions.partition_rows([rows], tmp_path / "rows", 40)
    assert max(path.read_bytes().count(b"\n") for path in parts) <= 4 * 32
    found = [key for part in partitions.read(parts) for key in part.review_key.tolist()]
    assert found == sorted(rows.review_key.tolist())


def test_a_thousand_copies_of_one_review_end_in_one_row(tmp_path: Path, few_rows):
    parts = partitions.partition_rows([make_rows(np.full(1000, 7))], tmp_path / "rows", 1000)
    assert sum(len(part) for part in partitions.read(parts)) == 1


def test_no_rows_are_no_rows(tmp_path: Path):
    assert [
        len(part) for part in partitions.read(partitions.partition_rows([], tmp_path / "rows", 0))
    ] == [0]
