"""Everybody's files: what they are converted to, and the sentence where they cannot be."""

import csv
import datetime as dt
import decimal
import gzip
import io
import json
import re
import zipfile
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews.__main__ import main
from reviews.errors import ReviewStarsError
from reviews.tables import delimited
from reviews.tables.convert import convert_file, needs_conversion
from reviews.tables.mapping import NAMES, match
from reviews.tables.stars import Stars, read_stars
from reviews.tables.values import to_milliseconds

from .reviews_material import refined

TEXTS = ['It is the "best" one,\nreally.', "Don't; buy | this\tever", "Está bien 😀", "a, b"]
ROWS = [(1 + i % 5, f"Title, {i}", f"{TEXTS[i % 4]} {i}", i % 2 == 0) for i in range(40)]
HEADER = ["Star Rating", "Review Title", "review_body", "Verified Purchase", "Customer ID"]


def made(path, out=None, **settings):
    """-> (what was said, the lines)."""
    out = out or path.with_name("made.jsonl")
    conversion = convert_file(path, out, **settings)
    data = out.read_bytes()
    lines = (gzip.decompress(data) if out.suffix == ".gz" else data).splitlines()
    return conversion, [json.loads(line) for line in lines]


def table_text(rows=ROWS, separator=",", **settings):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, **settings)
    writer.writerow(HEADER)
    for i, (stars, title, text, verified) in enumerate(rows):
        writer.writerow([f"{stars}.0 out of 5 stars", title, text, "YN"[not verified], f"U{i}"])
    return file.getvalue()


def refusal(path, **settings):
    """The sentence for a file that cannot be converted; nothing is left of the attempt."""
    out = path.with_name("refused.jsonl")
    with pytest.raises(ReviewStarsError) as raised:
        convert_file(path, out, **settings)
    assert not list(path.parent.glob("refused*"))
    return str(raised.value)


def json_array(rows):
    return json.dumps([{"stars": s, "review": t, "headline": h} for s, h, t, _ in rows], indent=1)


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


FORMS = {
    "csv": table_text().encode(),
    "crlf": table_text(lineterminator="\r\n").encode(),
    "bom": table_text().encode("utf-8-sig"),
    "utf-16": table_text().encode("utf-16"),
    "utf-16-le": table_text().encode("utf-16-le"),
    "tsv": table_text(separator="\t").encode(),
    "semicolon": table_text(separator=";").encode(),
    "bar": table_text(separator="|").encode(),
    "backslash": table_text(escapechar="\\", doublequote=False).encode(),
    "gzip": gzip.compress(table_text().encode()),
    "array": json_array(ROWS).encode(),
    "array on a line": json.dumps(json.loads(json_array(ROWS))).encode(),
    "document": json.dumps({"n": 1, "reviews": json.loads(json_array(ROWS))}, indent=1).encode(),
    "document on a line": json.dumps({"n": 1, "reviews": json.loads(json_array(ROWS))}).encode(),
    "lines": b"\n".join(json.dumps(row).encode() for row in json.loads(json_array(ROWS))),
    "parquet": parquet(
        star_rating=pa.array([s for s, *_ in ROWS], pa.int8()),
        headline=pa.array([h for _, h, *_ in ROWS]).dictionary_encode(),
        text=pa.array([t.encode() for *_, t, _ in ROWS]),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_any_form_gives_the_same_reviews(form, tmp_path):
    path = tmp_path / "reviews.of.a.shop"
    path.write_bytes(FORMS[form])
    assert needs_conversion(path)
    conversion, lines = made(path)
    assert [(x["rating"], x["title"], x["text"]) for x in lines] == [
        (float(stars), title, text) for stars, title, text, _ in ROWS
    ]
    assert all(sorted(line) == sorted(NAMES) for line in lines)
    assert (conversion.rows, conversion.unusable.total()) == (40, 0)
    if "array" not in form and form[:8] not in ("document", "lines", "parquet"):
        assert [line["verified_purchase"] for line in lines] == [row[3] for row in ROWS]
        assert [line["user_id"] for line in lines] == [f"U{i}" for i in range(40)]
        assert conversion.changes.converted == {"verified_purchase": 40}
    rows, rejected, counts = refined(io.BytesIO((tmp_path / "made.jsonl").read_bytes()))
    assert (len(rows), rejected, counts.converted) == (40, [], {})


def test_the_command_says_what_it_took_for_what(tmp_path, capsys):
    path, out = tmp_path / "a.csv", tmp_path / "new" / "a.jsonl.gz"
    path.write_text(table_text())
    assert main(["convert", str(path), str(out)]) == 0
    said = capsys.readouterr().out
    assert 'CSV: comma, quotes "; rating = `Star Rating`, title = `Review Title`' in said
    assert "40 rows" in said
    assert "converted: verified_purchase 40" in said
    first = out.read_bytes()
    assert len(gzip.decompress(first).splitlines()) == 40
    assert [file.name for file in out.parent.iterdir()] == ["a.jsonl.gz"]
    main(["convert", str(path), str(out)])
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("a.jsonl", [], "is the file that is to be read"),
        ("b.csv", [], "expected a name that ends in .jsonl or .jsonl.gz"),
        ("b.jsonl", ["--encoding", "klingon"], "there is no encoding 'klingon'"),
        ("b.jsonl", ["--mapping", "absent.yaml"], "absent.yaml cannot be read: No such file"),
    ],
)
def test_arguments_that_cannot_be_meant_are_2(tmp_path, capsys, name, arguments, words):
    path = tmp_path / "a.jsonl"
    path.write_bytes(FORMS["csv"])
    assert main(["convert", str(path), str(tmp_path / name), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert path.read_bytes() == FORMS["csv"]
    with pytest.raises(SystemExit, match="2"):
        main(["convert", str(path), "x.jsonl", "--separator", "ab"])


def test_what_cannot_be_understood_is_written_as_it_stands_and_counted(tmp_path):
    """So that preprocessing rejects each with its reason, and nothing is lost."""
    faults = [
        "4.5,half",
        ",none",
        "many,no stars",
        "9,out",
        "5,",
        "5,one,column,too,many",
        '5,"a quote" in the middle',
    ]
    whole = [f'{1 + i % 5},"good, number {i}"' for i in range(60)]
    path = tmp_path / "a.csv"
    data = "\n".join(["stars,text", *whole[:30], *faults, "", *whole[30:]]).encode()
    path.write_bytes(data + b"\n5,caf\xe9\n")
    conversion, _ = made_raw(path)
    assert conversion.rows == 60 + len(faults) + 1
    unusable = {
        "wrong_type": 2, "missing_field": 3, "rating_out_of_range": 1, "no_text": 1, "not_utf8": 1,
    }  # fmt: skip
    assert conversion.unusable == unusable
    _, rejected, counts = refined(io.BytesIO((tmp_path / "made.jsonl").read_bytes()))
    assert counts.rejected == unusable
    assert (counts.read, counts.kept, counts.adds_up()) == (68, 60, True)
    kept = b"".join(line.line for line in rejected)
    assert b"too,many" in kept
    assert b"in the middle" in kept
    assert b"caf\xe9" in kept


def made_raw(path):
    out = path.with_name("made.jsonl")
    return convert_file(path, out), out.read_bytes()


def text_of(header, *rows, times=10):
    return "\n".join([header, *rows * times]).encode()


REFUSED = {
    "no text": (text_of("stars,price", "5,3"), r"no column is plainly the text \(`stars`, `price`"),
    "no stars": (text_of("id,text", "5,a"), "no column is plainly the stars"),
    "two texts": (text_of("stars,review,comment", "5,a,b"), "`review` and `comment` could each be"),
    "two titles": (text_of("stars,text,title,summary", "5,a,b,c"), "could each be the title"),
    "same name": (text_of("stars,text,text", "5,a,b"), "`text` and `text` could each be the text"),
    "no header": (text_of("5,good lamp", "4,a"), "its first row holds values and no names"),
    "header only": (b"stars,text\n", "it has a header and no row"),
    "one row": (b"stars,text", "it has a header and no row"),
    "dates": (text_of("rating,text", "2015-08-31,a"), "10 of 10 values of `rating` are dates .li"),
    "us dates": (text_of("rating,text", "8/31/2015,a"), "are dates"),
    "words": (text_of("rating,text", "great,a", "5,b"), "10 of 20 values of `rating` are no stars"),
    "scale": (text_of("score,text", "9,a", "4,b"), "`score` is on another scale, 10 of 20 ratings"),
    "of 10": (text_of("score,text", "8/10,a", "4/10,b"), "another scale, 20 of 20 ratings are ab"),
    "from 0": (text_of("score,text", "0,a", "4,b"), "10 of 20 ratings are below 1"),
    "latin-1": (text_of("stars,text", "5,caf\xe9").decode().encode("latin-1"),
                "10 of 10 rows are not UTF-8 .line 2 is the first.: .* --encoding windows-1252"),
    "separator": (text_of("stars^text", "5^a"), "its first line has one column: no comma, tab,"),
    "columns": (text_of("stars,text", "5,a,b", "4,c,d"), "line 2 has 3 columns and the header 2"),
    "late columns": (text_of("stars,text", "5," + "a" * 99, times=5_000) + b"\n5,a,b" * 999,
                     "999 of 5,999 rows do not have"),
    "open quote": (text_of("stars,text", '5,"a"', times=5_000) + b'\n5,"a' + b"\nb,c" * 3_000,
                   "the row that begins in line 5,002 has a quote that is not closed"),
    "wide": ((",".join(f"c{i}" for i in range(5_000)) + "\n" + "1," * 4_999 + "1\n").encode(),
             r"no column is plainly the stars \(`c0`, .* and 4,992 more\)"),
    "empty": (b"", "this is empty"),
    "blank": (b" \n\n", "nothing but blank lines"),
    "zip": (b"PK\x03\x04", "this is a zip archive: unpack it first"),
    "cut array": (b'[{"stars": 5, "text": "a"},\n{"stars": ', "it is no JSON from its beginning"),
    "two lists": (b'{\n"a": [1], "b": []\n}', "one JSON object with 2 lists"),
    "numbers": (b"[1, 2]", "it holds no object with stars"),
    "long line": (b"stars,text\n5," + b"a" * 1_100_000, "line 2 has more than 1,048,576"),
    "two objects": (b'{\n"stars": 5\n}\n{\n"stars": 4\n}', "no JSON from its beginning"),
    "products": (b'{"title": "Lamp", "price": 5}\n' * 3, "no column is plainly the stars"),
    "cut parquet": (parquet(stars=[5], text=["a"])[:-9], "damaged or cut off, and cannot be read"),
    "nested": (parquet(stars=[5], text=[["a"]]), "`text` is to be `text` and holds a list"),
    "struct": (parquet(stars=[{"n": 5}], text=["a"]), "`stars` is to be `rating` and holds a"),
    "nested json": (b'[{"stars": 5, "text": {"en": "a"}}]', "holds a object"),
    "date column": (parquet(stars=[dt.date(2020, 1, 1)] * 9, text=["a"] * 9), "are dates .row 1"),
    "no rows": (parquet(stars=pa.array([], pa.int8()), text=pa.array([], pa.string())), "no row"),
    "gzip parquet": (gzip.compress(parquet(stars=[5], text=["a"])), "gunzip FILE"),
    "cut gzip": (gzip.compress(FORMS["csv"] * 99)[:-99], "the gzip stream breaks off"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_sentence(name, tmp_path):
    data, words = REFUSED[name]
    path = tmp_path / "in"
    path.write_bytes(data)
    said = refusal(path)
    assert said.startswith(f"{path}: ")
    assert re.search(words, said), said
    sentence, *example = said.split("\n")
    assert len(sentence) < 500
    assert bool(example) == ("--mapping FILE), such as" in sentence)


def test_what_is_no_file_is_said(tmp_path):
    assert "absent.csv: there is no such file" in refusal(tmp_path / "absent.csv")
    (tmp_path / "folder").mkdir()
    assert "folder: is no file" in refusal(tmp_path / "folder")


def test_an_encoding_that_is_said_is_taken_and_one_that_cannot_be_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("stars,text\n5,café\n".encode("latin-1"))
    conversion, lines = made(path, encoding="windows-1252")
    assert lines[0]["text"] == "café"
    assert conversion.form.endswith("in windows-1252")
    assert "it is no text in utf-16: say what it is" in refusal(path, encoding="utf-16")
    path.write_bytes("stars,text\n5,café\n".encode("utf-8-sig"))
    assert made(path, encoding="UTF-8")[1][0]["rating"] == 5.0


def test_a_workbook_is_named(tmp_path):
    path = tmp_path / "in.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "x")
    assert "an Excel workbook: save its sheet as CSV" in refusal(path)


def test_the_example_that_is_printed_is_a_mapping_that_works(tmp_path, capsys):
    path, mapping = tmp_path / "a.csv", tmp_path / "m.yaml"
    path.write_text("stars,review,comment\n5,a,b\n")
    assert main(["convert", str(path), str(tmp_path / "o.jsonl")]) == 2
    _, _, example = capsys.readouterr().err.partition("such as\n")
    mapping.write_text(example)
    assert main(["convert", str(path), str(tmp_path / "o.jsonl"), "--mapping", str(mapping)]) == 0
    assert json.loads((tmp_path / "o.jsonl").read_bytes())["text"] == "a"


def test_a_mapping_goes_before_any_guess_and_numbers_need_no_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("n,text,title,summary\n5,a,b,c\n")
    _, lines = made(path, mapping={"rating": "n", "title": None})
    assert (lines[0]["rating"], lines[0]["text"], lines[0]["title"]) == (5.0, "a", None)
    path.write_text("5,good lamp\n4,bad one\n")
    _, lines = made(path, mapping={"rating": 1, "text": 2})
    assert [(line["rating"], line["text"]) for line in lines] == [(5, "good lamp"), (4, "bad one")]


def test_a_table_without_stars_is_converted_where_a_person_says_so(tmp_path):
    """For `training predict`, which asks for no stars."""
    path = tmp_path / "a.csv"
    path.write_text("id,review\n1,good lamp\n2,\n")
    assert "no column is plainly the stars" in refusal(path)
    conversion, lines = made(path, mapping={"rating": None})
    assert [(x["rating"], x["text"]) for x in lines] == [(None, "good lamp"), (None, "")]
    assert (conversion.rows, conversion.unusable.total()) == (2, 1)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ("stars: x", "there is no field `stars`: known are rating, title"),
        ("rating: [1]", "`rating` must be a column's name"),
        ("- rating", "is no mapping"),
        ("rating: {", "is no YAML"),
        ("text: reviw", "no column is called so; did you mean `review`?"),
        ("text: 9", "says column 9 for `text`, and there are 2"),
    ],
)
def test_a_mapping_that_does_not_fit_says_how(tmp_path, capsys, mapping, words):
    path, file = tmp_path / "a.csv", tmp_path / "m.yaml"
    path.write_text("stars,review\n5,a\n")
    file.write_text(mapping)
    asked = ["convert", str(path), str(tmp_path / "o.jsonl"), "--mapping", str(file)]
    assert main(asked) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (  # the schema of 2018, as a table
            "overall,vote,verified,reviewTime,reviewerID,asin,reviewText,summary,unixReviewTime",
            {"rating": 0, "helpful_vote": 1, "verified_purchase": 2, "user_id": 4, "asin": 5,
             "text": 6, "title": 7, "timestamp": 8},
        ),
        (
            "marketplace\tcustomer_id\treview_id\tproduct_id\tproduct_parent\tproduct_title\t"
            "product_category\tstar_rating\thelpful_votes\ttotal_votes\tvine\tverified_purchase\t"
            "review_headline\treview_body\treview_date",
            {"rating": 7, "title": 12, "text": 13, "asin": 3, "parent_asin": 4, "user_id": 1,
             "timestamp": 14, "helpful_vote": 8, "verified_purchase": 11},
        ),
        ("Id,ProductId,UserId,HelpfulnessNumerator,Score,Time,Summary,Text",
         {"rating": 4, "title": 6, "text": 7, "asin": 1, "user_id": 2, "timestamp": 5,
          "helpful_vote": 3}),
        ("review_id,user_id,business_id,stars,useful,text,date",
         {"rating": 3, "text": 5, "asin": 2, "user_id": 1, "timestamp": 6, "helpful_vote": 4}),
        ("reviews.rating,reviews.text,reviews.title,name",
         {"rating": 0, "text": 1, "title": 2}),
        ("Clothing ID,Age,Title,Review Text,Rating,Recommended IND",
         {"rating": 4, "title": 2, "text": 3}),
    ],
)  # fmt: skip
def test_well_known_headers_are_plain(header, fields):
    assert match(header.split("\t" if "\t" in header else ","), {}, "x") == fields


@pytest.mark.parametrize(
    ("value", "stars"),
    [
        ("5", 5), (" 4.0 ", 4), ("4,0", 4), ("4.0 out of 5 stars", 4), ("4 out of 5", 4),
        ("5/5", 5), ("3.5/5", 3.5), ("★★★★☆", 4), ("★★★★★", 5), ("⭐️⭐️", 2), ("★ ★ ★ ☆ ☆", 3),
        ("★★★½☆", 3.5), ("4 stars", 4), ("1 star", 1), ("4,0 von 5 Sternen", 4),
        ("3,0 sur 5 étoiles", 3), ("2.0 de 5 estrellas", 2), ("5つ星のうち4.0", 4),
        ("4.0 颗星,最多 5 颗星", 4), (3, 3), (3.0, 3), ("+5", 5), ("-1", -1), ("10", 10),
    ],
)  # fmt: skip
def test_stars_are_understood_as_people_write_them(value, stars):
    assert read_stars(value) == Stars(stars)


@pytest.mark.parametrize(("value", "scale"), [("8/10", 10), ("4 out of 10", 10), ("★★★☆", 4)])
def test_another_scale_is_seen(value, scale):
    assert read_stars(value).scale == scale


@pytest.mark.parametrize(
    "value",
    ["", "five", "2015-08-31", "8/31/2015", "5 or 4", "4.0.1", True, None, [5], "☆★"],
)
def test_what_is_not_plainly_stars_is_none(value):
    assert read_stars(value) is None


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (1_588_687_728_923, 1_588_687_728_923),
        (1_588_687_728, 1_588_687_728_000),
        ("1588687728", 1_588_687_728_000),
        ("2014-09-16", 1_410_825_600_000),
        ("2014-09-16T00:00:00+00:00", 1_410_825_600_000),
        (dt.date(2014, 9, 16), 1_410_825_600_000),
        (dt.datetime(2014, 9, 16), 1_410_825_600_000),
        ("09 16, 2014", None),
        (2**63, None),
        (True, None),
    ],
)
def test_times_become_milliseconds(value, milliseconds):
    assert to_milliseconds(value) == milliseconds


def test_values_of_other_types_are_converted_or_null_and_counted(tmp_path):
    path = tmp_path / "a.parquet"
    flags = ["Y", "1", "true", "N/A", "perhaps", None]
    path.write_bytes(
        parquet(
            rating=[decimal.Decimal("4.0")] * 6,
            text=["a"] * 6,
            verified=flags,
            helpful=[[1, 2], [3, 4], None, [], [5, 6], [7, 8]],
            user=[1, 2, 3, 4, 5, None],
            images=[["http://a/b.jpg"], None, [], [], [], []],
            when=[dt.datetime(2014, 9, 16)] * 6,
        )
    )
    mapping = {"timestamp": "when", "helpful_vote": "helpful"}
    conversion, lines = made(path, mapping=mapping)
    assert [x["verified_purchase"] for x in lines] == [True, True, True, None, None, None]
    assert [x["helpful_vote"] for x in lines] == [1, 3, None, None, 5, 7]
    assert [x["user_id"] for x in lines] == ["1", "2", "3", "4", "5", None]
    assert lines[0]["images"] == ["http://a/b.jpg"]
    assert lines[0]["timestamp"] == 1_410_825_600_000
    assert conversion.changes.converted == {"verified_purchase": 2, "helpful_vote": 4, "user_id": 5}
    assert conversion.changes.nulled == {"verified_purchase": 2, "helpful_vote": 1}


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from("12345"), FIELD), min_size=1, max_size=8),
    st.sampled_from(",\t;|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_the_csv_module_writes_is_read_as_it_was(rows, separator, quoting):
    """Quotes, newlines and separators inside of fields; only blank lines are none."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, quoting=quoting).writerows([["stars", "text"], *rows])
    text = file.getvalue()
    table = delimited.DelimitedTable(delimited.lines_of(text), text, separator=separator)
    found = [row for batch in table.batches([0, 1]) for row in zip(*batch.columns, strict=True)]
    assert found == rows


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_a_damaged_file_is_refused_or_converted_with_counts_that_add_up(tmp_path, form, draw):
    data = bytearray(FORMS[form])
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) - 1))
        end = at + draw.draw(st.integers(0, 3))
        data[at:end] = draw.draw(st.binary(max_size=3) | st.sampled_from([b'"', b"\n", b",", b"{"]))
    path, out = tmp_path / "in", tmp_path / "out.jsonl"
    path.write_bytes(bytes(data))
    out.unlink(missing_ok=True)
    conversion = None
    with suppress(ReviewStarsError):
        conversion = convert_file(path, out)
    assert out.exists() == (conversion is not None)
    if conversion is None:
        return
    _, rejected, counts = refined(io.BytesIO(out.read_bytes()))
    assert counts.read == conversion.rows == counts.kept + counts.duplicates + len(rejected)
    assert len(rejected) >= conversion.unusable.total()


def test_a_lone_quote_in_a_tsv_swallows_no_rows():
    text = "stars\ttext\n" + '5\t"Good, really\n4\tas "they" say\n3\t"again\n' * 5
    table = delimited.DelimitedTable(delimited.lines_of(text), text)
    assert table.form == "TSV: tab, no quotes"
    assert sum(len(batch.columns[0]) for batch in table.batches([0, 1])) == 15


def test_lines_of_our_schemas_need_no_conversion(tmp_path):
    path = tmp_path / "a.json"
    for line in (
        b'{"rating": 5, "text": "a"}',
        b'{"overall": 5, "reviewText": "a"}',
        b"{'overall': 5, 'reviewText': 'a'}",
        b"no json",
    ):
        path.write_bytes(line + b"\n")
        assert not needs_conversion(path)
    for line in (b'{"stars": 5, "text": "a"}', b'{"rating": "4.0 out of 5 stars", "text": "a"}'):
        path.write_bytes(b"\xef\xbb\xbf" + line + b"\n")
        assert needs_conversion(path)
        _, lines = made(path)
        assert lines[0]["rating"] in (5.0, 4.0)


@pytest.mark.slow
def test_real_reviews_as_csv_and_parquet_give_the_same_rows(tmp_path):
    data = Path(__file__).parents[4] / "shared" / "data" / "amazon2023_books_exact_schema.jsonl.gz"
    if not data.exists():
        pytest.skip(f"{data} is not here")
    raw = gzip.decompress(data.read_bytes())
    expected = refined(io.BytesIO(raw))[0]
    rows = [json.loads(line) | {"images": None} for line in raw.splitlines()]
    table = pa.table({name: [row[name] for row in rows] for name in NAMES})
    pq.write_table(table, tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *([row[name] for name in NAMES] for row in rows)])
    for name in ("a.parquet", "a.csv"):
        conversion, data = made_raw(tmp_path / name)
        assert conversion.rows == len(rows)
        assert refined(io.BytesIO(data))[0] == expected
