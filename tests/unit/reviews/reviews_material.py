"""Real words, mutated and damaged: what the tests of `reviews` are fed with."""

import io
import json
from itertools import cycle
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from reviews.counts import Counts
from reviews.record import EARLIER_NAMES, Rejected
from reviews.refine import DEFAULT, Options, Refiner
from reviews.rules import refine_lines

PHRASES = [
    "This is a great product and I would buy it again.",
    "It's  broke after two weeks.  Very disappointed,  would not recommend!",
    "THE BATTERY DOES NOT LAST",
    "five stars",
    "ok",
    "Das Produkt ist leider nach zwei Wochen kaputt gegangen",
    "El producto llegó roto y no funciona",
    "この商品はとても良いです。また買います",
    "这个产品非常好用",
    "المنتج جيد جدا وأنصح به",
    "It’s “great” – don’t hesitate…",
    "I love it 😀👍🏽 :-) <3",
    "zero\u200bwidth \u202eright to left\u202c",
    "ｆｕｌｌ　ｗｉｄｔｈ ﬁne ①",
]
BITS = [
    "<br />", "<b>", "</b>", "<", ">", "<3", "&amp;", "&amp;#34;", "&#39;", "&nbsp;", "&",
    "&lt;br&gt;", "<a href=", "<a href='x'>",
    "</ p>", "<!--", "-->", "<o:p>", "\u200b", "\u2800", "½", "²",
    "&#" + "9" * 4400 + ";", "http://", "HTTPS://a.b/c?d=e", "www.", "wWw.x.y", "ww.", "://", ":/",
    "[[", "[[VIDEOID:1a2b]]", "[[ASIN: B00]]", "]]", " ", "  ", "   ", "\t", "\n", "\r\n", "\0",
    "\x0b", "\x1f", "\x85", "\xa0", "\u2028", "\u3000", "\x7f", "ſ", "ı", "İ", "é", "Ⅸ", "\ufdfa",
    "the", "the the the", "and", "de la", "und", "good!", "W", "w",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(PHRASES) | st.sampled_from(BITS) | st.text(max_size=12)).flatmap(
    lambda parts: st.sampled_from(["", " ", "  "]).map(lambda glue: glue.join(parts))
)
ODD = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        5,
        6,
        4.5,
        -1,
        5.0,
        2**31,
        2**70,
        10**400,
        "5",
        "",
        "true",
        [],
        {},
        [[]],
        1e300,
        float("nan"),
        float("inf"),
        "\ud83d",
        "cut \ud83d",
    ]
)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """One line as it should be, but for strange words; now and then a field of a strange value."""
    record: dict[str, Any] = {
        "rating": draw(st.sampled_from([1, 2, 3, 4, 5, 1.0, 5.0])),
        "title": draw(st.none() | WORDS),
        "text": draw(WORDS),
        "images": draw(st.sampled_from([[], None, [{"small_image_url": "http://a/b.jpg"}]])),
        "asin": draw(st.sampled_from(["B01", "B02", None])),
        "parent_asin": "B01",
        "user_id": draw(st.sampled_from(["U1", "U2", "", None])),
        "timestamp": draw(st.sampled_from([1588687728923, None, "x", 2**70])),
        "helpful_vote": draw(st.sampled_from([0, 3, None])),
        "verified_purchase": draw(st.sampled_from([True, False, None])),
    }
    if draw(st.integers(0, 7)) == 0:
        record[draw(st.sampled_from(sorted(record)))] = draw(ODD)
    for name in draw(st.sets(st.sampled_from(sorted(record)), max_size=1)):
        if draw(st.booleans()):
            del record[name]
    match draw(st.integers(0, 7)):
        case 0 | 1:
            record = earlier(record, draw(st.sampled_from([2014, 2018])))
        case 2:  # as pandas joins files of both
            record = dict.fromkeys(record) | earlier(record, 2018)
        case 3:
            return repr(earlier(record, 2014)).encode("utf-8", "surrogatepass")
    return _encode(record, ascii=draw(st.booleans()))


def earlier(record: dict[str, Any], year: int) -> dict[str, Any]:
    """A record of 2023 by the names and forms of 2018 or 2014, as far as it has the fields."""
    made = {EARLIER_NAMES.get(name, name): value for name, value in record.items()}
    if isinstance(seconds := made.get("unixReviewTime"), int):
        made["unixReviewTime"] = seconds // 1000
    if "helpful_vote" in made:
        votes = made.pop("helpful_vote")
        if year == 2014:
            made["helpful"] = [votes, 9] if isinstance(votes, int) else votes
        elif votes is not None:
            made["vote"] = f"{votes:,}" if type(votes) is int else votes
    return made


def _encode(record: dict[str, Any], *, ascii: bool) -> bytes:
    return json.dumps(record, ensure_ascii=ascii).encode("utf-8", "surrogatepass")


DAMAGED = [
    b"", b" ", b"\t \r", b"\r", b"{}", b"[]", b"null", b"5", b'"x"', b"no json", b"\xff\xfe{}",
    b"\xef\xbb\xbf", b"{" * 3000, b"[" * 3000 + b"]" * 3000, b'{"rating": NaN, "text": "a"}',
    b'{"rating": 1e400, "text": "a"}', b'{"rating": 5, "text": "a"}{"rating": 5, "text": "b"}',
    b'{"rating": 5, "text": "a", "a": {}', b'{"rating": 5, "text": "\\ud800"}',
    b'{"rating": 5, "text": "\xed\xa0\x80"}', b'{"rating": 5, "text": "a", "b": "\xff"}',
    b'{"rating": 5, "rating": "x", "text": "a"}', b'{"rating": 5, "text": "a" } ',
    b'{"rating": 5, "text": "' + b"long " * 220_000 + b'"}',
    b'{"overall": 5, "reviewText": "a", "vote": "1,234", "unixReviewTime": 1588687728}',
    b'{"overall": 5, "reviewText": "a", "rating": null, "vote": 3, "helpful": [1, 2]}',
    b'{"overall": 5, "reviewText": "a", "vote": "12\\n", "unixReviewTime": 9e18}',
    b'{"overall": 5, "reviewText": "a", "text": "b"}', b'{"overall": 5}', b'{"reviewText": 5}',
    b'{"overall": 9, "reviewText": "a"}', b'{"overall": 9, "reviewText": "a", "asin": 7}',
    b"{'overall': 5.0, 'reviewText': u'it\\'s \\xe9 \\ud83d', 'helpful': [2, 3]}",
    b"{'rating': 5, 'text': \"it's\", 'verified_purchase': True, 'title': None}",
    b"{'overall': 5, 'reviewText': 'a", b"{'overall': " + b"\\'" * 300_000,
]  # fmt: skip
# A line for each bit of words, and the damaged ones: as strange as what is drawn, and cheap.
WRITTEN = [
    *(
        _encode(
            {"rating": 1 + n % 5, "title": bit, "text": f"{phrase} {bit}", "asin": f"B{n}"},
            ascii=bool(n % 2),
        )
        for n, (phrase, bit) in enumerate(zip(cycle(PHRASES), BITS, strict=False))
    ),
    *DAMAGED,
]


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line without its newline: mostly a record, sometimes cut, flipped, doubled or worse."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(DAMAGED))
    return harm(draw, draw(records()))


def harm(draw: st.DrawFn, line: bytes) -> bytes:
    """A line as it was, or cut, flipped, or with something before or behind it."""
    match draw(st.integers(0, 11)):
        case 0:
            return line[: draw(st.integers(0, len(line)))]
        case 1:
            at = draw(st.integers(0, len(line) - 1))
            return line[:at] + bytes([draw(st.integers(0, 255))]) + line[at + 1 :]
        case 2:
            return b"\xef\xbb\xbf" + line
        case 3:
            return line + b"\r"
        case 4:
            return line + draw(st.sampled_from([b" ", b",", b"}", line]))
        case _:
            return line


@st.composite
def real_files(draw: st.DrawFn, rows: list[bytes]) -> bytes:
    """Some real lines with bits put into their words, and now and then harmed."""
    made = []
    for row in draw(st.lists(st.sampled_from(rows), min_size=1, max_size=12)):
        record = json.loads(row)
        for bit in draw(st.lists(st.sampled_from(BITS), max_size=3)):
            name = draw(st.sampled_from(["title", "text"]))
            words = record[name] or ""
            at = draw(st.integers(0, len(words)))
            record[name] = words[:at] + bit + words[at:]
        made.append(harm(draw, _encode(record, ascii=draw(st.booleans()))))
    return b"\n".join(made)


def files(of: st.SearchStrategy[bytes] | None = None) -> st.SearchStrategy[bytes]:
    """A few lines, some of them more than once, the last one perhaps without its newline."""
    some = st.lists(lines() if of is None else of, max_size=12).flatmap(
        lambda drawn: st.lists(st.sampled_from(drawn), max_size=12) if drawn else st.just([])
    )
    return st.tuples(some, st.booleans()).map(
        lambda made: b"\n".join(made[0]) + (b"\n" if made[1] else b"")
    )


def written_files() -> st.SearchStrategy[bytes]:
    """Files of written lines: for what depends on how bytes come, not on what they say."""
    return files(st.sampled_from(WRITTEN))


def by_the_rules(data: bytes, options: Options = DEFAULT) -> tuple[list[Any], list[Any], Counts]:
    """-> (rows, rejected lines, counts) by the definition."""
    counts = Counts()
    names = Refiner(options).stream(io.BytesIO()).schema.names
    rows, rejected = [], []
    whole = data.split(b"\n")
    ended = [line + b"\n" for line in whole[:-1]] + ([whole[-1]] if whole[-1] else [])
    for row in refine_lines(ended, counts, detector=options.detector, wide=True):
        if isinstance(row, Rejected):
            rejected.append(row)
        else:
            if row["language_confidence"] is not None:
                row["language_confidence"] = float(
                    pa.scalar(row["language_confidence"], pa.float32()).as_py()
                )
            rows.append({name: row[name] for name in names})
    return rows, rejected, counts


def refined(stream: Any, options: Options = DEFAULT) -> tuple[list[Any], list[Any], Counts]:
    """-> (rows, rejected lines, counts) by the fast path."""
    rejected: list[Rejected] = []
    found = Refiner(options, rejected.append).stream(stream)
    return rows_of(found), rejected, found.counts


def rows_of(batches: Any) -> list[Any]:
    """Arrow batches as Python rows."""
    return [row for batch in batches for row in pa.record_batch(batch).to_pylist()]
