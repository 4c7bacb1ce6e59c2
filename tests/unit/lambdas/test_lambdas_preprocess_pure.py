"""Sharing out, adding up, listing: the Preprocess machine without AWS."""

from __future__ import annotations

import gzip
import itertools
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.preprocess import dataset, shards
from lambdas.preprocess.dataset import SourceRecord
from lambdas.preprocess.gzip_split import parts
from lambdas.preprocess.results import RefinedWith, ShardResult, WrittenShard, add_up
from lambdas.preprocess.shards import Shard
from lambdas.preprocess.source import RawSource
from reviews.counts import Counts
from reviews.errors import CountMismatchError, PartialFailureError, UnreadableSourceError
from tests.properties import examples

SOURCE = RawSource("raw", "incoming/a.jsonl", "v.1")
REFINED_WITH = RefinedWith("1", "py3langid-25", "digest", "commit")
SIZE = 100
ALL = {f"reviews/{n}" for n in range(9)}
WHEN = datetime(2026, 11, 24, 10, 0, 0, 5, tzinfo=UTC)


def result(shard: Shard, read: int = 3, kept: int = 2, rows: int | None = None) -> ShardResult:
    counts = Counts(read=read, kept=kept)
    counts.rejected["no_text"] = read - kept
    counts.languages["en"] = counts.ratings["5"] = counts.schemas["2023"] = kept
    written = WrittenShard(f"reviews/{shard.shard}", "v", "sha", kept if rows is None else rows)
    begin, end = shard.start or 0, shard.end or SIZE
    parquet = written if kept else None
    return ShardResult(shard, REFINED_WITH, begin, end, counts.to_dict(), parquet)


def record(key: str, version: str, seconds: int = 0, sequencer: str = "") -> SourceRecord:
    source = RawSource("raw", key, version)
    one = shards.of_whole(source, gzip=False)[0]
    refined = add_up(source, [one], {0: result(one)}, REFINED_WITH, {"reviews/0"}, SIZE)
    when = (WHEN + timedelta(seconds=seconds)).isoformat()
    planned = {"etag": "e", "size": 1, "event_time": when, "sequencer": sequencer}
    return dataset.record_of(source, refined, REFINED_WITH, planned)


def test_a_source_has_the_same_keys_whenever_it_is_named() -> None:
    assert RawSource("raw", "incoming/a.jsonl", "v.1") == SOURCE
    assert SOURCE.id == RawSource("raw", "incoming/a.jsonl", "v.1").id
    assert SOURCE.id != RawSource("raw", "incoming/a.jsonl", "v.2").id
    assert SOURCE.id != RawSource("raw", "incoming/b.jsonl", "v.1").id
    assert "/" not in RawSource("raw", "k", "../x/y").id


@settings(max_examples=examples(100))
@given(size=st.integers(1, 10**12), most=st.integers(1, 10**9))
def test_ranges_cover_a_file_once_and_none_is_too_large(size: int, most: int) -> None:
    if size // most > 2_000:
        most = size // 2_000 + 1
    found = shards.of_ranges(SOURCE, size, most)
    edges = [(shard.start, shard.end) for shard in found]
    assert edges[0][0] == 0
    assert edges[-1][1] == size
    assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))
    assert all(0 < (end or 0) - (start or 0) <= most for start, end in edges)
    assert [shard.shard for shard in found] == list(range(len(found)))


def test_shards_survive_their_file_and_an_event() -> None:
    found = [
        *shards.of_ranges(SOURCE, 100, 30),
        shards.of_part(SOURCE, "c", 4, offset=9, line=2, size=5),
    ]
    assert shards.from_lines(shards.to_lines(found)) == found
    assert Shard.of_event(json.loads(shards.to_lines(found[-1:]))) == found[-1]


@pytest.mark.parametrize(("head", "expected"), [(b"\x1f\x8b\x08", True), (b'{"rati', False)])
def test_the_first_bytes_decide_what_is_gzip(head: bytes, expected: bool) -> None:
    assert shards.is_gzip(head, "s3://raw/x.txt", is_whole=False) is expected


def test_what_is_neither_gzip_nor_lines_is_refused_by_name() -> None:
    for head, words in ((b"PK\x03\x04..", "zip archive.*unzip"), (b"[\n{}\n]\n", "JSON array")):
        with pytest.raises(UnreadableSourceError, match=f"^s3://raw/x.jsonl is .*{words}"):
            shards.is_gzip(head, "s3://raw/x.jsonl", is_whole=True)


def test_a_gzip_too_large_to_cut_is_refused_with_its_size_and_the_command() -> None:
    shards.check_can_be_cut("s3://raw/x", 14_400_000_000)
    with pytest.raises(UnreadableSourceError, match=r"14\.5 GB.*python -m reviews refine"):
        shards.check_can_be_cut("s3://raw/x", 14_500_000_000)


@settings(max_examples=examples(100))
@given(
    lines=st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=30),
    ends=st.booleans(),
    part_bytes=st.integers(1, 200),
    piece_bytes=st.integers(1, 50),
)
def test_parts_join_to_what_was_cut_and_know_their_place(
    lines: list[bytes],
    ends: bool,
    part_bytes: int,
    piece_bytes: int,
) -> None:
    whole = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    pieces = (whole[i : i + piece_bytes] for i in range(0, len(whole), piece_bytes))
    joined = b""
    for part in parts(pieces, part_bytes):
        assert not joined or joined.endswith(b"\n")
        assert part.offset == len(joined)
        assert part.line == joined.count(b"\n")
        content = gzip.decompress(part.file.read())
        assert content
        joined += content
    assert joined == whole


def test_the_same_bytes_give_the_same_parts() -> None:
    def cut() -> list[bytes]:
        found = parts(iter([b"one\ntwo\n", b"three\n"]), 5)
        return [part.file.read() for part in found]

    first = cut()
    assert len(first) == 2
    assert cut() == first


def test_a_source_adds_up() -> None:
    found = shards.of_ranges(SOURCE, 100, 40)
    refined = add_up(
        SOURCE, found, {shard.shard: result(shard) for shard in found}, REFINED_WITH, ALL, SIZE
    )
    assert (refined.counts["read"], refined.counts["kept"]) == (9, 6)
    assert [written.rows for written in refined.parquet] == [2, 2, 2]


def test_shards_without_a_result_are_listed() -> None:
    found = shards.of_ranges(SOURCE, 100, 30)
    results = {0: result(found[0]), 3: ShardResult(found[3], REFINED_WITH, failure="breaks off")}
    with pytest.raises(PartialFailureError, match=r"3 of 4 shards.*1: no.*3: breaks off") as error:
        add_up(SOURCE, found, results, REFINED_WITH, ALL, SIZE)
    assert error.value.shards == (1, 2, 3)


def test_a_result_of_other_code_or_of_another_cut_is_none() -> None:
    old, new = shards.of_ranges(SOURCE, 100, 30), shards.of_ranges(SOURCE, 100, 50)
    for results in (
        {0: result(old[0])},
        {0: msgspec.structs.replace(result(new[0]), refined_with=None)},
    ):
        with pytest.raises(PartialFailureError):
            add_up(SOURCE, new, {**results, 1: result(new[1])}, REFINED_WITH, ALL, SIZE)  # type: ignore[arg-type]


def test_rows_that_went_missing_stop_the_run() -> None:
    one = shards.of_whole(SOURCE, gzip=False)
    with pytest.raises(CountMismatchError, match="2 rows were kept and 1 written"):
        add_up(SOURCE, one, {0: result(one[0], rows=1)}, REFINED_WITH, ALL, SIZE)
    lost = msgspec.structs.replace(result(one[0]), counts={**result(one[0]).counts, "read": 9})
    with pytest.raises(CountMismatchError):
        add_up(SOURCE, one, {0: lost}, REFINED_WITH, ALL, SIZE)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({1: {"begin": 45}}, "shard 1 begins at byte 45, .* byte 40: lines were left out"),
        ({1: {"begin": 12}}, "shard 1 begins at byte 12, .* byte 40: lines were read twice"),
        ({0: {"begin": 3}}, "shard 0 begins at byte 3, .* byte 0: lines were left out"),
        ({2: {"end": 99}}, "its lines end at byte 99, and it has 100 bytes"),
        ({0: {"end": 100}, 1: {"begin": 100, "end": 100}, 2: {"begin": 0}}, "read twice"),
    ],
)
def test_bytes_that_no_shard_or_two_have_read_stop_the_run(
    changed: dict[int, dict[str, int]], said: str
) -> None:
    three = shards.of_ranges(SOURCE, 120, 40)
    edges = ((0, 40), (40, 80), (80, 100))
    three = [
        msgspec.structs.replace(shard, start=a, end=b)
        for shard, (a, b) in zip(three, edges, strict=True)
    ]
    results = {s.shard: result(s) for s in three}
    for number, fields in changed.items():
        results[number] = msgspec.structs.replace(results[number], **fields)
    with pytest.raises(CountMismatchError, match=said):
        add_up(SOURCE, three, results, REFINED_WITH, ALL, SIZE)


def test_parts_of_a_gzip_are_held_against_what_was_cut_out() -> None:
    cut = [shards.of_part(SOURCE, "c", n, offset=40 * n, line=n, size=40) for n in range(2)]
    results = {
        s.shard: msgspec.structs.replace(result(s), begin=s.offset, end=s.offset + 40) for s in cut
    }
    assert add_up(SOURCE, cut, results, REFINED_WITH, ALL, SIZE).counts["kept"] == 4
    results[1] = msgspec.structs.replace(results[1], end=79)
    with pytest.raises(CountMismatchError, match="what follows shard 1 begins at byte 80"):
        add_up(SOURCE, cut, results, REFINED_WITH, ALL, SIZE)


def test_one_unreadable_file_says_why_in_a_sentence() -> None:
    one = shards.of_whole(SOURCE, gzip=True)
    failed = ShardResult(
        one[0], REFINED_WITH, failure="the gzip stream breaks off after 9 bytes", is_final=True
    )
    with pytest.raises(UnreadableSourceError, match=r"^s3://raw/incoming/a\.jsonl: the gzip"):
        add_up(SOURCE, one, {0: failed}, REFINED_WITH, ALL, SIZE)


def test_a_file_without_any_review_says_what_its_lines_are() -> None:
    one = shards.of_whole(SOURCE, gzip=False)
    with pytest.raises(UnreadableSourceError, match=r"none of 3 lines.*no_text 3.*rejected/"):
        add_up(SOURCE, one, {0: result(one[0], kept=0)}, REFINED_WITH, ALL, SIZE)
    with pytest.raises(UnreadableSourceError, match="blank"):
        add_up(SOURCE, one, {0: result(one[0], read=0, kept=0)}, REFINED_WITH, ALL, SIZE)


def test_a_dataset_holds_the_newest_version_of_every_key() -> None:
    records = [record("b", "v1", 9), record("a", "v2", 5), record("a", "v1", 7), record("a", "v3")]
    assert [(r.key, r.version) for r in dataset.newest(records)] == [("a", "v1"), ("b", "v1")]
    assert dataset.newest(reversed(records)) == dataset.newest(records)


def test_a_manifest_names_exact_objects() -> None:
    manifest = json.loads(dataset.manifest("curated", [record("a", "v1")]))
    assert manifest == [{"prefix": "s3://curated/"}, "reviews/0"]


def test_ids_of_datasets_sort_by_the_time_of_listing() -> None:
    times = [WHEN + timedelta(microseconds=n) for n in (0, 1, 90_000, 999_990, 2_000_000)]
    ids = [dataset.dataset_id(when, b"z%d" % n) for n, when in enumerate(times)]
    assert ids == sorted(ids)
    assert all(len(id) == len("20261124T100000Z-00000000") for id in ids)


def test_a_dataset_says_where_its_sources_were_refined_differently() -> None:
    one = record("a", "v1")
    other = msgspec.structs.replace(record("b", "v1"), text_rules="2", detector="py3langid-139")
    described = dataset.describe(
        [one, other],
        id="id",
        listed_at=WHEN,
        manifest=b"[]",
        manifest_uri="s3://curated/m",
        manifest_version_id="v",
    )
    assert described.text_rules == "1+2"
    assert described.detector == "py3langid-139+py3langid-25"
    assert described.code_version == "commit"
    assert described.counts["kept"] == 4
