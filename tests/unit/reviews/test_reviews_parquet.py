"""Curated rows as files: the same bytes, the schema kept, read by whoever reads Parquet."""

import errno
import gzip
import io
import re

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews import parquet
from reviews.bulk.duplicates import Seen
from reviews.errors import UnreadableSourceError
from reviews.files import refine_files
from reviews.refine import DEFAULT, refine_stream
from reviews.schema import COLUMNS, DEFAULT_COLUMNS, OPTIONAL_COLUMNS
from reviews.synthetic import raw_lines
from tests.properties import examples

from .reviews_material import files, refined, written_files
from .test_reviews_refine import ALL_COLUMNS, DATA, relaxed

SAMPLE = b"\n".join(raw_lines(rows=1000, seed=4)) + b"\n"
FILES = sorted(path.name for path in DATA.glob("*.jsonl.gz")) or ["../shared/data"]


def write(data, options=ALL_COLUMNS):
    file = io.BytesIO()
    parquet.write(refine_stream(io.BytesIO(data), options=options), file)
    return file.getvalue()


def check_row(row):
    """A row that is kept is as the data dictionary says."""
    assert row["rating"] in (1, 2, 3, 4, 5)
    assert isinstance(row["title"], str)
    assert row["text"].strip() == row["text"] != ""
    assert row["verified_purchase"] in (True, False, None)
    assert row["helpful_vote"] is None or -(2**31) <= row["helpful_vote"] < 2**31
    assert re.fullmatch("[a-z]{2}|und", row["language"])
    confidence = row["language_confidence"]
    assert confidence is None or 0 <= confidence <= 1
    assert row["language"] != "und" or confidence is None
    assert isinstance(row["markup"], bool)
    assert 0 <= row["bucket"] < 100
    assert 0 <= row["review_key"] < 2**64
    for name in ("asin", "parent_asin", "images", "user_id"):
        assert row[name] is None or isinstance(row[name], str)
    assert row["timestamp"] is None or -(2**63) <= row["timestamp"] < 2**63


@settings(relaxed, max_examples=examples(30))
@given(files())
def test_a_row_that_is_kept_satisfies_the_schema(data):
    rows, _, counts = refined(io.BytesIO(data), ALL_COLUMNS)
    for row in rows:
        check_row(row)
    assert len(rows) == counts.kept
    assert len({row["review_key"] for row in rows}) == len(rows)


def test_a_row_that_breaks_the_schema_would_be_found():
    rows, _, _ = refined(io.BytesIO(SAMPLE), ALL_COLUMNS)
    with pytest.raises(AssertionError):
        check_row(rows[0] | {"bucket": 100})


def test_the_columns_are_those_of_the_dictionary_null_only_where_it_says():
    table = pq.read_table(io.BytesIO(write(SAMPLE)))
    assert table.column_names == [column.name for column in COLUMNS]
    for column in COLUMNS:
        field = table.schema.field(column.name)
        assert str(field.type).replace("float", "float32") in (column.kind, f"{column.kind}32")
        assert field.nullable == bool(column.null)
    assert len(COLUMNS) == 15
    assert {*DEFAULT_COLUMNS, *OPTIONAL_COLUMNS} == {column.name for column in COLUMNS}


@settings(relaxed, max_examples=examples(30))
@given(written_files())
def test_the_same_input_gives_the_same_bytes(data):
    assert write(data) == write(data)


def test_the_bytes_do_not_depend_on_how_the_input_came():
    assert write(gzip.compress(SAMPLE)) == write(SAMPLE)


def test_no_row_group_is_larger_than_a_reader_wants_to_hold():
    lines = (b'{"rating":5,"text":"words %d of it"}' % i for i in range(40_000))
    metadata = pq.ParquetFile(io.BytesIO(write(b"\n".join(lines)))).metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(sizes) == 40_000
    assert max(sizes) <= parquet.ROW_GROUP_ROWS


def test_a_stream_that_breaks_off_leaves_a_file_of_the_rows_before():
    zipped = gzip.compress(SAMPLE, mtime=0)
    file = io.BytesIO()
    found = refine_stream(io.BytesIO(zipped[: len(zipped) // 2]))
    with pytest.raises(UnreadableSourceError, match="breaks off"):
        parquet.write(found, file)
    assert pq.read_table(file).num_rows == found.counts.kept > 0


@settings(max_examples=examples(100))
@given(st.lists(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1)), max_size=8))
def test_the_memory_for_copies_is_a_set(batches):
    seen, known = Seen(), set()
    for batch in batches:
        fresh, is_remembered = seen.add(np.array(batch, np.uint64))
        for key, is_new in zip(batch, fresh.tolist(), strict=True):
            assert is_new == (max(key, 1) not in known)  # zero stands for one
            known.add(max(key, 1))
        assert is_remembered
    assert len(seen) == len(known)


def test_the_memory_for_copies_stays_within_its_bound():
    limit = 4_000
    seen = Seen(limit)
    keys = np.random.default_rng(1).integers(1, 2**63, 10_000, np.uint64)
    for first in range(0, len(keys), 1000):
        seen.add(keys[first : first + 1000])
    assert len(seen) == limit
    fresh, is_remembered = seen.add(keys[:limit])
    assert not fresh.any()
    assert not is_remembered


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_real_files_add_up_and_are_read_by_three_readers(name, tmp_path):
    import duckdb

    if not (source := DATA / name).is_file():
        pytest.skip("no ../shared/data")
    counts = refine_files([source], tmp_path).counts
    with gzip.open(source) as lines:
        assert counts.read + counts.blank == sum(1 for _ in lines)
    assert counts.adds_up()
    path = tmp_path / "reviews" / "00000.parquet"
    table = pq.read_table(path)
    frame = pd.read_parquet(tmp_path / "reviews")
    ask = f"select count(*), sum(rating), sum(length(text)), sum(bucket) from '{path}'"
    rows, stars, letters, buckets = duckdb.sql(ask).fetchall()[0]
    assert rows == table.num_rows == len(frame) == counts.kept
    assert stars == pc.sum(table["rating"]).as_py() == frame["rating"].sum()
    assert letters == pc.sum(pc.utf8_length(table["text"])).as_py()
    assert buckets == pc.sum(table["bucket"]).as_py() == frame["bucket"].sum()
    with (tmp_path / "rejected" / "00000.jsonl").open("rb") as rejected:
        assert sum(1 for _ in rejected) == counts.rejected.total()
    assert path.read_bytes() == write(gzip.decompress(source.read_bytes()), DEFAULT)


@pytest.mark.parametrize("room", [0, 4, 100, 50_000])
def test_a_file_that_can_take_no_more_is_an_error_and_no_panic(room):
    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() + len(data) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    with pytest.raises(OSError, match="No space left") as error:
        parquet.write(refine_stream(io.BytesIO(SAMPLE), options=ALL_COLUMNS), Full())
    assert error.value.errno == errno.ENOSPC
