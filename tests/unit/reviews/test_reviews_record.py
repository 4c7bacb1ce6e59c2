import base64
import json

import pytest

from reviews.almost_json import BOM
from reviews.limits import MAX_LINE_BYTES
from reviews.record import REASONS, Rejected, Review, read_record

KEPT = b'{"rating": 5.0, "title": "Good", "text": "Works"}'

REJECTED = {
    "not_json": [
        b"no json at all",
        b'{"rating": 5, "text": "cut o',
        b'{"rating": NaN, "text": "a"}',
        b'{"rating": 5, "text": "a"} {"rating": 5, "text": "b"}',
        b'{"rating": 5, "text": "a \x00 byte"}',
        b'{"rating": 5, "text": "lone \\ud800"}',
        b'{"rating": "x", bad',
        b'{"rating": 5, "text": "a", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        BOM,
    ],
    "not_utf8": [
        b'{"rating": 5, "text": "caf\xe9"}',
        b'{"rating": 5, "text": "a", "unread": "\xff"}',
        '{"rating": 5, "text": "a"}'.encode("utf-16"),
    ],
    "not_an_object": [b"[]", b"5", b"null", b'"text"', b"[1, 2]"],
    "missing_field": [
        b"{}",
        b'{"rating": 5}',
        b'{"text": "a"}',
        b'{"rating": null, "text": "a"}',
        b'{"rating": 5, "text": null}',
    ],
    "wrong_type": [
        b'{"rating": "5", "text": "a"}',
        b'{"rating": true, "text": "a"}',
        b'{"rating": 4.5, "text": "a"}',
        b'{"rating": 5.5, "text": "a"}',
        b'{"rating": [5], "text": "a"}',
        b'{"rating": 5, "text": 5}',
        b'{"rating": 5, "text": "a", "title": {}}',
        b'{"rating": 5, "text": "a", "user_id": 7}',
        b'{"rating": 5, "text": "a", "verified_purchase": 1}',
        b'{"rating": 5, "text": "a", "helpful_vote": 1.5}',
        b'{"rating": 5, "text": "a", "helpful_vote": 99999999999}',
        b'{"rating": "x", "rating": 5, "text": "a"}',
        b'{"rating": 1e400, "text": 5}',
    ],
    "rating_out_of_range": [
        b'{"rating": 0, "text": "a"}',
        b'{"rating": 6, "text": "a"}',
        b'{"rating": -1, "text": "a"}',
        b'{"rating": 1e400, "text": "a"}',
        b'{"rating": ' + b"9" * 5_000 + b', "text": "a"}',
    ],
    "too_long": [b" " * (MAX_LINE_BYTES + 1), b'{"rating": 5, "text": "' + b"a" * MAX_LINE_BYTES],
}


@pytest.mark.parametrize(
    ("reason", "line"),
    [(reason, line) for reason, lines in REJECTED.items() for line in lines],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_a_line_that_cannot_be_kept_is_rejected_with_its_reason(reason, line):
    assert read_record(line, offset=7, number=3) == Rejected(reason, line, 7, 3)


def test_every_reason_but_that_of_the_words_is_given_by_reading():
    assert {*REJECTED, "no_text"} == set(REASONS)


def test_what_is_odd_but_readable_is_kept():
    assert read_record(KEPT) == Review(rating=5.0, title="Good", text="Works")
    assert read_record(BOM + KEPT) == read_record(KEPT)
    assert read_record(KEPT + b"\r") == read_record(KEPT)
    assert read_record(b'{"rating": 1, "rating": 5e0, "text": "a"}') == Review(5.0, None, "a")
    assert read_record(b'{"rating": 5, "text": "\\u0000", "unknown": [1e400]}') == Review(
        5.0, None, "\0"
    )


def test_a_line_of_exactly_the_limit_is_read():
    line = KEPT + b" " * (MAX_LINE_BYTES - len(KEPT))
    assert isinstance(read_record(line), Review)


def test_a_rejected_line_keeps_every_byte():
    plain, odd = Rejected("wrong_type", "é".encode(), 10, 2), Rejected("not_utf8", b"\xff\0", 20, 3)
    assert json.loads(plain.to_json()) == {
        "reason": "wrong_type",
        "offset": 10,
        "line": 2,
        "raw": "é",
    }
    assert base64.b64decode(json.loads(odd.to_json())["raw_base64"]) == b"\xff\0"
