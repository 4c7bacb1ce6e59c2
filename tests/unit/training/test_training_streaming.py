"""What the streaming mode takes from the stream, and when it is chosen."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training import config
from training.config import Space
from training.data.dataset import Rows, join
from training.errors import TrainingError
from training.fit import choose_mode, streaming
from training.progress import TrainingProgress


def make_rows(first: int, last: int) -> Rows:
    n = last - first
    return Rows(
        rating=np.full(n, 5),
        title=[str(i) for i in range(first, last)],
        text=[""] * n,
        verified_purchase=np.zeros(n, np.int8),
        language=np.full(n, "en", "U8"),
        markup=np.zeros(n, bool),
        bucket=np.full(n, 30),
        review_key=np.arange(first, last, dtype=np.uint64),
    )


@pytest.mark.parametrize("cuts", [(0, 100), (0, 3, 50, 50, 51, 100), (0, 10, 20, 100)])
@pytest.mark.parametrize("most", [None, 0, 7, 10, 25, 100, 200])
def test_batches_are_the_same_wherever_a_part_ends(cuts, most):
    parts = [make_rows(a, b) for a, b in pairwise(cuts)]
    found = list(streaming.batches(parts, 10, most))
    wanted = 100 if most is None else min(most, 100)
    assert [title for rows in found for title in rows.title] == [str(i) for i in range(wanted)]
    assert all(len(rows) == 10 for rows in found[:-1])


def test_the_first_rows_are_the_first_of_all_parts():
    parts = [make_rows(0, 4), make_rows(4, 9)]
    assert streaming.first(parts, 6).title == [str(i) for i in range(6)]
    assert len(streaming.first(parts, 60)) == len(join(parts)) == 9


def test_the_commonest_buckets_are_chosen_and_of_equals_the_lower():
    rows_with = np.array([5, 1, 9, 5, 3, 5])
    space = Space(min_rows=3, max_bigrams=0, c=1.0)
    assert streaming.choose_buckets(rows_with, space, 10).tolist() == [0, 2, 3, 4, 5]
    assert streaming.choose_buckets(rows_with, space, 3).tolist() == [0, 2, 3]


def test_what_rows_would_take_is_estimated_from_the_footers(tmp_path: Path):
    words = ["x" * 1000 + str(i) for i in range(1000)]
    table = pa.table({"title": [""] * 1000, "text": words})
    pq.write_table(table, tmp_path / "0.parquet", use_dictionary=False)
    pq.write_table(table, tmp_path / "1.parquet", use_dictionary=False)
    found = choose_mode.estimate_bytes(tmp_path)
    assert found == pytest.approx(2 * (15 * 1_007_000 + 500 * 1000), rel=0.02)


def test_a_disk_that_is_full_is_said_with_what_to_do(tmp_path: Path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    pq.write_table(pa.table({"title": [""], "text": ["good"]}), tmp_path / "0.parquet")
    monkeypatch.setattr(streaming.partitions, "partition_rows", full)
    opened = streaming.open_streaming(tmp_path, config.load(), TrainingProgress(quiet=True))
    with pytest.raises(TrainingError, match=r"No space left on device; .* in TMPDIR"):
        opened.__enter__()
