"""Streams as they really come: cut off, damaged, with something behind them, with endless lines."""

import gzip
import io
import itertools
import json
import re
import tracemalloc
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviews import gunzip, source
from reviews.__main__ import main
from reviews.errors import UnreadableSourceError
from reviews.file_kind import MAGIC
from reviews.files import refine_files
from reviews.refine import Refiner, refine_stream
from reviews.source import chunks, chunks_of_range, plain_pieces
from reviews.synthetic import raw_lines
from tests.properties import examples

from .reviews_material import by_the_rules, refined, rows_of, written_files
from .test_reviews_refine import relaxed

LINES = list(raw_lines(rows=250, seed=9))
DATA = b"\n".join(LINES) + b"\n"
ZIPPED = gzip.compress(DATA, mtime=0)
WHOLE_ROWS, WHOLE_REJECTED, _ = refined(io.BytesIO(DATA))


def read(data):
    """-> (rows, rejected lines, counts, the error that ended it)."""
    rejected = []
    found = refine_stream(io.BytesIO(data), on_reject=rejected.append)
    rows, error = [], None
    try:
        for batch in found:
            rows += rows_of([batch])
    except UnreadableSourceError as broken:
        error = str(broken)
    return rows, rejected, found.counts, error


@settings(relaxed, max_examples=examples(40))
@given(st.integers(2, len(ZIPPED) - 1))
def test_gzip_that_is_cut_off_gives_all_that_came_before_and_says_where(at):
    rows, rejected, counts, error = read(ZIPPED[:at])
    assert f"breaks off after {at:,} bytes" in error
    assert counts.adds_up()
    whole_rows, whole_rejected, _ = refined(io.BytesIO(DATA))
    # The last line is cut as well: it is rejected, or is the whole line without its newline.
    assert rows == whole_rows[: len(rows)]
    assert [r.line for r in rejected[:-1]] == [
        r.line for r in whole_rejected[: max(0, len(rejected) - 1)]
    ]
    came = zlib.decompressobj(wbits=31).decompress(ZIPPED[:at])
    assert abs(counts.read + counts.blank - came.count(b"\n")) <= 1


@settings(relaxed, max_examples=examples(40))
@given(st.integers(20, len(ZIPPED) - 9), st.integers(1, 255))
@example(len(ZIPPED) - 9, 2)
def test_gzip_with_a_wrong_byte_never_crashes_and_counts_add_up(at, change):
    damaged = bytearray(ZIPPED)
    damaged[at] ^= change
    rows, _, counts, error = read(bytes(damaged))
    assert counts.adds_up()
    if error is None:  # bits between the last block and its checksum mean nothing
        assert rows == WHOLE_ROWS
    else:
        assert "damaged" in error or "breaks off" in error


# Three members of different kinds: Huffman codes of its own, fixed ones, none; a name in a head.
SHORT = [line + b"\n" for line in LINES if 9 < len(line) < 350]
PARTS = [b"".join(SHORT[i : i + 3]) for i in (0, 3, 6)]


def members():
    named = io.BytesIO()
    with gzip.GzipFile("reviews", "wb", 9, named, mtime=1) as file:
        file.write(PARTS[0])
    fixed = zlib.compressobj(9, zlib.DEFLATED, 31, 9, zlib.Z_FIXED)
    return [
        named.getvalue(),
        fixed.compress(PARTS[1]) + fixed.flush() + b"\0" * 5,
        gzip.compress(PARTS[2], 0, mtime=0),
    ]


EVERY_BYTE = pytest.param(None, marks=pytest.mark.slow)  # in turn, not each seventh
MEMBERS = members()
THREE, PLAIN = b"".join(MEMBERS), b"".join(PARTS)
FIRST_BYTES = [sum(map(len, MEMBERS[:n])) for n in range(3)]
PADDING = range(FIRST_BYTES[2] - 5, FIRST_BYTES[2])
ENDS = {FIRST_BYTES[1], *PADDING, FIRST_BYTES[2]}  # where a member may end


def unzipped(data, piece_bytes=None, can_reread=True):
    """-> (all that came, the error that ended it, how many bytes behind it are no gzip)."""
    source.PIECE_BYTES, before = piece_bytes or source.PIECE_BYTES, source.PIECE_BYTES
    came, behind = b"", []

    def read_from(start):
        return io.BytesIO(data[start:])

    try:
        again = read_from if can_reread else None
        for piece in plain_pieces(io.BytesIO(data), behind.append, again):
            came += piece
    except UnreadableSourceError as error:
        return came, str(error), sum(behind)
    finally:
        source.PIECE_BYTES = before
    return came, None, sum(behind)


def made_by_then(data):
    """What zlib, fed byte by byte, has made of a gzip file before each of its bytes."""
    made, member, found = b"", zlib.decompressobj(wbits=31), [b""]
    for i in range(len(data)):
        if member.eof and data[i]:
            member = zlib.decompressobj(wbits=31)
        if not member.eof:
            made += member.decompress(data[i : i + 1])
        found.append(made)
    return found


MADE = made_by_then(THREE)


def proven_lines(error, came):
    """How many lines an error says that a checksum covers."""
    if "which no checksum covers" in error:
        return 0
    found = re.search(r"what follows line ([\d,]+)", error)
    return int(found[1].replace(",", "")) if found else came.count(b"\n")


@pytest.mark.parametrize("piece_bytes", [1, 100, EVERY_BYTE])
def test_gzip_cut_off_anywhere_gives_every_byte_before_the_cut(piece_bytes):
    for at in range(12, len(THREE), 1 if piece_bytes is None else 7):
        came, error, behind = unzipped(THREE[:at], piece_bytes)
        assert came == MADE[at]
        if at in ENDS:
            assert (error, behind) == (None, 0)  # between members: nobody can tell
        else:
            assert error.startswith(f"the gzip stream breaks off after {at:,} bytes; {len(came):,}")
            assert PLAIN[: len(came)] == came
            assert proven_lines(error, came) == sum(
                part.count(b"\n")
                for part, begin in zip(PARTS, FIRST_BYTES[1:], strict=False)
                if at > begin
            )


@pytest.mark.parametrize("piece_bytes", [100, EVERY_BYTE])
@pytest.mark.parametrize("change", [0x01, 0x1F, 0xFF])
def test_one_wrong_byte_anywhere_loses_nothing_before_it_and_is_never_silent(change, piece_bytes):
    for at in range(0, len(THREE), 1 if piece_bytes is None else 7):
        damaged = bytearray(THREE)
        damaged[at] ^= change
        came, error, behind = unzipped(bytes(damaged), piece_bytes)
        if error is None:  # in what gzip has no use for: time, name, padding, unused bits
            assert came == PLAIN or (behind and at in PADDING)
            continue
        before = MADE[at]
        assert came[: len(before)] == before
        proven = proven_lines(error, came)
        assert came.split(b"\n")[:proven] == PLAIN.split(b"\n")[:proven]


def test_the_place_of_the_damage_is_told_to_the_byte():
    at = FIRST_BYTES[1] + len(MEMBERS[1]) - 5 - 8  # the second member's checksum
    damaged = bytearray(THREE)
    damaged[at] ^= 1
    came, error, _ = unzipped(bytes(damaged))
    assert came == PARTS[0] + PARTS[1]
    words = r"damaged before byte ([\d,]+) .*; ([\d,]+) bytes .*line 6, but .*follows line 3;"
    place, made = re.search(words, error).groups()
    assert int(place.replace(",", "")) == at + 8
    assert int(made.replace(",", "")) == len(came)


def test_where_nobody_can_read_again_at_most_one_step_is_lost():
    damaged = bytearray(ZIPPED)
    damaged[-6] ^= 1
    came, error, _ = unzipped(bytes(damaged), can_reread=False)
    assert "damaged" in error
    assert len(DATA) - gunzip.STEP_BYTES <= len(came) < len(DATA)
    assert DATA.startswith(came)
    assert unzipped(bytes(damaged))[0] == DATA


def test_a_damaged_file_keeps_its_last_lines_and_says_what_to_do(tmp_path, capsys):
    damaged = bytearray(ZIPPED)
    damaged[-6] ^= 1
    (tmp_path / "reviews.jsonl.gz").write_bytes(damaged)
    words = ["refine", "--in", str(tmp_path / "reviews.jsonl.gz"), "--out", str(tmp_path / "out")]
    assert main(words) == 1
    said = capsys.readouterr()
    assert f"{len(LINES) - LINES.count(b''):,} read" in said.out
    assert re.search(r"damaged before byte .*up to the end of line 250, which no", said.err)
    assert "get the whole file again" in said.err


@pytest.mark.parametrize("behind", [b"\0" * 300_000, b"\0", b""])
def test_padding_behind_gzip_is_nothing(behind):
    assert read(ZIPPED + behind) == read(DATA)


@pytest.mark.parametrize("garbage", [b"garbage", b"\0\0garbage", b"<html>" * 99_999])
def test_garbage_behind_gzip_is_counted_and_does_no_harm(garbage):
    rows, rejected, counts, error = read(ZIPPED + garbage)
    assert (rows, rejected, error) == (*read(DATA)[:2], None)
    assert counts.trailing_bytes == len(garbage.lstrip(b"\0"))


@settings(relaxed, max_examples=examples(30))
@given(written_files(), written_files(), st.integers(0, 3))
def test_gzip_members_are_one_stream(first, second, padding):
    both = gzip.compress(first) + b"\0" * padding + gzip.compress(second)
    assert refined(io.BytesIO(both)) == refined(io.BytesIO(first + second))


def test_what_a_file_is_called_makes_no_difference(tmp_path):
    (tmp_path / "plain.jsonl.gz").write_bytes(DATA)
    (tmp_path / "zipped.jsonl").write_bytes(ZIPPED)
    plain = refine_files([tmp_path / "plain.jsonl.gz"], tmp_path / "a").counts
    assert plain == refine_files([tmp_path / "zipped.jsonl"], tmp_path / "b").counts


@pytest.mark.parametrize("head", MAGIC)
def test_a_file_of_another_kind_is_no_source(head):
    rows, rejected, counts, error = read(head + b" and more\n" * 9)
    assert (rows, rejected, counts.read) == ([], [], 0)
    assert MAGIC[head].description in error


def test_lines_of_ten_megabytes_are_rejected_whole(tmp_path):
    long = json.dumps({"rating": 5, "text": "x" * 10_000_000}).encode()
    rows, rejected, counts, _ = read(LINES[0] + b"\n" + long + b"\n" + LINES[1] + b"\n" + long)
    assert (len(rows), counts.read, counts.rejected) == (2, 4, {"too_long": 2})
    assert [(r.line, r.number, r.part) for r in rejected] == [(long, 2, None), (long, 4, None)]


def test_an_endless_line_takes_bounded_memory():
    class Endless:
        left = 96 << 20

        def read(self, size):
            self.left -= size
            return b"x" * size if self.left > 0 else b""

    refiner = Refiner()
    tracemalloc.start()
    assert rows_of(refiner.stream(Endless())) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (refiner.counts.read, refiner.counts.rejected) == (1, {"too_long": 1})
    assert peak < 70 << 20


@pytest.mark.parametrize(
    "bomb",
    [
        "<" * 25_000 + ">" * 25_000,
        "<b>" * 25_000,
        "&amp;" * 25_000,
        "&lt;" * 25_000 + "&gt;" * 25_000,
        "&#38;" * 25_000,
        "[[VIDEOID:" * 12_000,
        "http://" * 12_000,
        " " * 125_000 + "x",
        "\u200b\u202e" * 25_000,
        "\ufdfa" * 5_000,  # one letter that NFKC makes eighteen of
    ],
    ids=lambda bomb: bomb[:6].strip() or "blanks",
)
def test_bombs_of_markup_take_no_time_and_are_cleaned_as_by_the_rules(bomb):
    line = json.dumps({"rating": 5, "title": "x", "text": bomb}, ensure_ascii=False).encode()
    assert refined(io.BytesIO(line)) == by_the_rules(line)


@settings(max_examples=examples(100))
@given(st.binary(max_size=300), st.integers(1, 9))
def test_chunks_are_the_stream_and_nothing_else(data, size):
    pieces = (data[i : i + size] for i in range(0, len(data), size))
    joined = b"".join(chunk.data for chunk in chunks(pieces))
    assert joined.removesuffix(b"\n") == data.removesuffix(b"\n")


def test_one_byte_at_a_time_is_enough():
    one = io.BytesIO(ZIPPED)

    class Slow:
        def read(self, size):
            return one.read(1)

    assert b"".join(plain_pieces(Slow())) == DATA


@settings(relaxed, max_examples=examples(200))
@given(
    st.lists(st.sampled_from([b"a", b"", b"xyz" * 9, b"\r"]), max_size=30),
    st.booleans(),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_what_one_range_ends_with_the_next_one_begins_with(lines, has_last_newline, cuts):
    data = b"\n".join(lines) + b"\n" * has_last_newline
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    spans, taken = [], b""
    for start, end in itertools.pairwise(edges):

        def read_from(offset):
            return io.BytesIO(data[offset:])

        found = chunks_of_range(read_from, start, end, lambda *span: spans.append(span))
        taken += b"".join(chunk.data for chunk in found)
    assert taken.removesuffix(b"\n") == data.removesuffix(b"\n")
    assert [begin for begin, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]
    assert not spans or spans[-1][1] == len(data)
