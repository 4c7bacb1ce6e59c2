import gzip
import io
from itertools import islice, pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reviews import source
from reviews.errors import ConfigurationError
from reviews.refine import Options, Refiner, refine_range, refine_stream
from reviews.schema import OPTIONAL_COLUMNS
from tests.properties import examples

from .reviews_material import by_the_rules, files, real_files, refined, rows_of, written_files

DATA = Path(__file__).parents[4] / "shared" / "data"
ALL_COLUMNS = Options(keep_columns=OPTIONAL_COLUMNS)
relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@settings(relaxed, max_examples=examples(100))
@given(files(), st.sampled_from([1, 300, 1 << 20]))
@example(b'{"rating":5,"text":"a  b "}\n{"rating":5,"text":"a\\u0000b <br> www.x"}\n', 1 << 20)
def test_the_fast_path_is_equal_to_the_rules_in_every_cell(data, chunk_bytes):
    with patch.object(source, "CHUNK_BYTES", chunk_bytes):
        rows, rejected, counts = refined(io.BytesIO(data), ALL_COLUMNS)
    assert (rows, rejected, counts) == by_the_rules(data, ALL_COLUMNS)
    assert counts.adds_up()


@settings(relaxed, max_examples=examples(25))
@given(written_files())
def test_compressed_input_gives_the_same(data):
    assert refined(io.BytesIO(gzip.compress(data, mtime=0))) == refined(io.BytesIO(data))


@settings(relaxed, max_examples=examples(40))
@given(written_files(), st.data())
def test_neighbouring_byte_ranges_share_no_line_and_miss_none(data, draw):
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=4))
    edges = [0, *sorted(cuts), len(data)]
    rejected = []
    refiner = Refiner(on_reject=rejected.append)
    rows = []
    for start, end in pairwise(edges):
        rows += rows_of(refiner.range(lambda at: io.BytesIO(data[at:]), start, end))
    whole_rows, whole_rejected, whole_counts = refined(io.BytesIO(data))
    assert rows == whole_rows
    assert refiner.counts == whole_counts
    assert [(r.line, r.offset, r.reason) for r in rejected] == [
        (r.line, r.offset, r.reason) for r in whole_rejected
    ]


class Dripping(io.RawIOBase):
    """Gives fewer bytes than it is asked for, as a network does."""

    def __init__(self, data, sizes):
        self._file, self._sizes = io.BytesIO(data), iter(sizes)

    def read(self, size=-1):
        return self._file.read(min(size, next(self._sizes, size)))


@settings(relaxed, max_examples=examples(30))
@given(written_files(), st.lists(st.integers(1, 50), max_size=30))
def test_how_bytes_arrive_makes_no_difference(data, sizes):
    with patch.object(source, "CHUNK_BYTES", 100):
        assert refined(Dripping(data, sizes)) == refined(io.BytesIO(data))


def test_a_line_longer_than_memory_allows_is_rejected_in_parts():
    data = b'{"rating":5,"text":"ok"}\n' + b"x" * 25 + b'\n{"rating":4,"text":"ok"}\n' + b"y" * 20
    with (
        patch.object(source, "CHUNK_BYTES", 4),
        patch.object(source, "MAX_HELD_BYTES", 10),
        patch.object(source, "PIECE_BYTES", 3),
    ):
        rejected = []
        counts = refine_stream(io.BytesIO(data), on_reject=rejected.append)
        list(counts)
    assert b"".join(r.line for r in rejected if r.number == 2) == b"x" * 25
    assert [r.part for r in rejected if r.number == 2] == [0, 1, 2]
    assert b"".join(r.line for r in rejected if r.number == 4) == b"y" * 20
    assert (counts.counts.read, counts.counts.rejected) == (4, {"too_long": 4})


def test_copies_are_found_across_sources():
    refiner = Refiner()
    line = b'{"rating":5,"text":"the same words","user_id":"u"}\n'
    assert len(rows_of(refiner.stream(io.BytesIO(line)))) == 1
    assert rows_of(refiner.stream(io.BytesIO(line))) == []
    assert refiner.counts.duplicates == 1


def test_past_its_bound_the_memory_for_copies_knows_what_it_knew():
    lines = [b'{"rating":5,"text":"words %d"}\n' % i for i in range(20)]
    refiner = Refiner(Options(remembered_rows=10))
    list(refiner.stream(io.BytesIO(b"".join(lines[:10]))))
    list(refiner.stream(io.BytesIO(b"".join(lines[10:]) * 2)))
    list(refiner.stream(io.BytesIO(b"".join(lines[:10]))))
    counts = refiner.counts
    assert (counts.kept, counts.duplicates, counts.unremembered) == (20, 20, 10)
    assert counts.adds_up()


def test_unknown_columns_and_detectors_are_refused_at_once():
    with pytest.raises(ConfigurationError, match="user_id"):
        Options(keep_columns=("nothing",))
    with pytest.raises(ConfigurationError, match="py3langid-25"):
        Options(detector="nobody")


def test_an_empty_range_or_stream_has_no_rows():
    assert refined(io.BytesIO(b""))[0] == []
    assert refined(io.BytesIO(gzip.compress(b"")))[0] == []
    assert rows_of(refine_range(lambda at: io.BytesIO(b"x\ny\n"[at:]), 1, 1)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "electronics_smoke_5k",
        "drift_tvs_20k",
        "amazon2023_books_exact_schema",
        "marc6_train_74k",
        "electronics_train_100k",
    ],
)
def test_real_files_give_what_the_rules_give(name):
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("no ../shared/data")
    with gzip.open(path) as file:
        data = b"".join(file.readlines()[:20_000])
    assert refined(io.BytesIO(data), ALL_COLUMNS) == by_the_rules(data, ALL_COLUMNS)


def real_rows():
    """A few thousand lines of each real file."""
    rows = []
    for path in sorted(DATA.glob("*.jsonl.gz")):
        with gzip.open(path) as file:
            rows += [line.rstrip(b"\n") for line in islice(file, 2_000)]
    return rows


@pytest.mark.slow
def test_real_words_mutated_and_damaged_give_what_the_rules_give():
    if not (rows := real_rows()):
        pytest.skip("no ../shared/data")

    @settings(relaxed, max_examples=examples(1_500))
    @given(real_files(rows))
    def check(data):
        rows, rejected, counts = refined(io.BytesIO(data), ALL_COLUMNS)
        assert (rows, rejected, counts) == by_the_rules(data, ALL_COLUMNS)
        assert counts.adds_up()

    check()
