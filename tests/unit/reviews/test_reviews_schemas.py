"""Lines of 2018 and of 2014 give the rows that the same reviews give in the schema of 2023."""

import io
import json
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviews.__main__ import main
from reviews.almost_json import from_literal, is_literal
from reviews.counts import Counts
from reviews.record import EarlierReview, Review, read_record
from reviews.refine import Options
from reviews.schema import OPTIONAL_COLUMNS
from tests.properties import examples

from .reviews_material import by_the_rules, refined

# As the data sets print them: one review in three schemas.
OF_2023 = (
    b'{"rating": 4.0, "title": "Fine \\u2013 mostly", "text": "It\'s the best \\"lamp\\" I had.", '
    b'"images": ["https://a/b.jpg"], "asin": "B00", "user_id": "A1", "timestamp": 1410825600000, '
    b'"helpful_vote": 1234, "verified_purchase": true}'
)
OF_2018 = (
    b'{"overall": 4.0, "vote": "1,234", "verified": true, "reviewTime": "09 16, 2014", '
    b'"reviewerID": "A1", "asin": "B00", "style": {"Color:": " Black"}, "reviewerName": "J", '
    b'"reviewText": "It\'s the best \\"lamp\\" I had.", "summary": "Fine \\u2013 mostly", '
    b'"unixReviewTime": 1410825600, "image": ["https://a/b.jpg"]}'
)
OF_2014 = (
    b"{'reviewerID': 'A1', 'asin': 'B00', 'reviewerName': 'J. \"K\"', 'helpful': [1234, 2000], "
    b"'reviewText': 'It\\'s the best \"lamp\" I had.', 'overall': 4.0, "
    b"'summary': u'Fine \\u2013 mostly', 'unixReviewTime': 1410825600, 'reviewTime': '09 16, 2014'}"
)
ALL_COLUMNS = Options(keep_columns=OPTIONAL_COLUMNS)


@pytest.mark.parametrize(
    ("schema", "line", "unsaid"),
    [
        ("2023", OF_2023, {}),
        ("2018", OF_2018, {}),
        ("2014", OF_2014, {"verified_purchase": None, "images": None}),
    ],
)
def test_a_line_of_any_schema_gives_the_same_row(schema, line, unsaid):
    rows, _, counts = refined(io.BytesIO(line), ALL_COLUMNS)
    (expected,), _, _ = refined(io.BytesIO(OF_2023), ALL_COLUMNS)
    assert rows == [expected | unsaid]
    assert counts.schemas == {schema: 1}
    assert (counts.converted, counts.nulled) == ({}, {})
    assert expected["rating"] == 4
    assert expected["text"] == 'It\'s the best "lamp" I had.'
    assert (expected["title"], expected["helpful_vote"]) == ("Fine – mostly", 1234)
    assert expected["timestamp"] == 1_410_825_600_000


def test_a_file_of_all_schemas_counts_each_and_adds_up(tmp_path, capsys):
    """Blocks of one schema, then lines that take turns, faults among them."""

    def numbered(line, n):
        return line.replace(b"lamp", b"lamp number %d" % n)

    kinds = (OF_2023, OF_2018, OF_2014)
    lines = [numbered(kind, n) for n, kind in enumerate(kind for kind in kinds for _ in range(200))]
    lines += [numbered(kinds[n % 3], n) for n in range(1000, 1600)]
    lines += [OF_2018.replace(b"4.0", b"9.0"), b"{'overall': 5", b'{"overall": 5}', lines[0]]
    data = b"\n".join(lines)
    (tmp_path / "a.jsonl").write_bytes(data)
    assert main(["refine", "--in", str(tmp_path / "a.jsonl"), "--out", str(tmp_path / "out")]) == 0
    assert "kept by schema: 2014 400, 2018 400, 2023 400" in capsys.readouterr().out
    counts = Counts.from_dict(json.loads((tmp_path / "out/manifest/counts.json").read_bytes()))
    assert counts.schemas == {"2023": 400, "2018": 400, "2014": 400}
    assert counts.rejected == {"rating_out_of_range": 1, "not_json": 1, "missing_field": 1}
    assert (counts.read, counts.kept, counts.duplicates) == (1204, 1200, 1)
    assert counts.adds_up()
    assert pq.read_table(tmp_path / "out" / "reviews").num_rows == 1200
    assert refined(io.BytesIO(data), ALL_COLUMNS) == by_the_rules(data, ALL_COLUMNS)


def test_counts_of_code_that_read_one_schema_still_add_up():
    old = {"read": 3, "kept": 3, "languages": {"en": 3}, "ratings": {"5": 3}}
    assert Counts.from_dict(old).schemas == {"2023": 3}
    assert Counts.from_dict(old).adds_up()
    assert Counts.from_dict({"read": 1, "rejected": {"no_text": 1}}).schemas == {}
    wrong = Counts.from_dict(old | {"schemas": {"2023": 2}})
    assert not wrong.adds_up()


def test_a_line_that_has_names_of_both_is_of_2023():
    both = b'{"overall": 1, "reviewText": "a", "text": "b", "rating": 5}'
    assert read_record(both) == Review(5.0, None, "b")
    merged = b'{"overall": 1, "reviewText": "a", "text": null, "rating": null}'
    found = read_record(merged)
    assert isinstance(found, EarlierReview)
    assert (found.rating, found.text) == (1.0, "a")


@pytest.mark.parametrize(
    ("raw", "votes", "changes"),
    [
        (b'"vote": "12"', 12, 0),
        (b'"vote": "999,999,999"', 999_999_999, 0),
        (b'"vote": null, "helpful": [3, 4]', 3, 0),
        (b'"vote": 12', 12, 1),
        (b'"vote": "1,23"', None, 1),
        (b'"vote": ""', None, 1),
        (b'"vote": "99,999,999,999"', None, 1),
        (b'"helpful": [3, "x"]', None, 1),
        (b'"helpful_vote": 3, "asin": 7', 3, 1),
    ],
)
def test_votes_of_2018_and_2014_become_a_number_or_null_and_are_counted(raw, votes, changes):
    told = []
    line = b'{"overall": 5, "reviewText": "a", ' + raw + b"}"
    found = read_record(line, on_change=lambda *change: told.append(change))
    assert (found.helpful_vote, len(told)) == (votes, changes)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=examples(100))
@given(st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=3))
@example({"a": "\\'\"\x00\x1f\x7f\xe9\u2028\U0001f600\\x41\\u00e9"})
def test_what_python_prints_of_a_dict_is_read_as_it_was(record):
    assert msgspec.json.decode(from_literal(repr(record).encode())) == record


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (rb"{'a': u'\xe9\351\u00e9\U000000e9'}", "éééé"),
        (rb"{'a': 'C:\dir \' \" \/ \a\v'}", "C:\\dir ' \" \\/ \a\v"),
        (rb"{'a': u'\ud83d\ude00\U0001f600'}", "😀😀"),
        (rb"""{'a': "it's True"}""", "it's True"),
    ],
)
def test_escapes_of_python_are_those_of_json(literal, text):
    assert is_literal(literal)
    assert msgspec.json.decode(from_literal(literal)) == {"a": text}


@pytest.mark.parametrize("line", [b'{"a": True}', b"['a']", b"{}", b"{1: 'a'}"])
def test_what_is_no_printed_dict_is_none(line):
    assert not is_literal(line)


@pytest.mark.slow
def test_real_reviews_in_the_schemas_of_2018_and_2014_give_the_same_rows():
    data = Path(__file__).parents[4] / "shared" / "data" / "amazon2023_books_exact_schema.jsonl.gz"
    if not data.exists():
        pytest.skip(f"{data} is not here")
    import gzip

    from .reviews_material import earlier

    rows = [json.loads(line) for line in gzip.decompress(data.read_bytes()).splitlines()]
    raw = b"\n".join(json.dumps(row).encode() for row in rows)
    expected, _, _ = refined(io.BytesIO(raw))
    for year, encode in ((2018, json.dumps), (2014, repr)):
        lines = b"\n".join(encode(earlier(row, year)).encode() for row in rows)
        found, _, counts = refined(io.BytesIO(lines))
        assert found == expected
        assert counts.schemas == {str(year): len(expected)}
