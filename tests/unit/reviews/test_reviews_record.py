import base64
import json
import sys

import pytest

from reviews.almost_json import BOM
from reviews.limits import MAX_LINE_BYTES
from reviews.record import REASONS, Rejected, Review, read_record

KEPT = b'{"rating": 5.0, "title": "Good", "text": "Works"}'

REJECTED = {
    "not_json": [
        b"no json at all",
        b'{"rating": 5, "text": "cut o',
        b'{"rating": 5, "text": "a"} {"rating": 5, "text": "b"}',
        b'{"rating": 5, "text": "a \x00 byte"}',
        b'{"rating": "x", bad',
        b'{"rating": 5, "text": "a", "asin": NaN',
        b'{"rating": 5, "text": "a", "asin": nan}',
        b'{"rating": 5, "text": "half \\ud83d',
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
        b'{"rating": 1e400, "text": 5}',
        b'{"rating": NaN, "text": "a"}',
        b'{"rating": -Infinity, "text": "a"}',
        b'{"rating": 5, "text": NaN}',
        b'{"rating": 5, "rating": "x", "text": "a", "asin": 7}',
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


CHANGED = [
    ("asin", b"1000000000", "1000000000"),
    ("asin", b"1000000000.0", "1000000000"),
    ("asin", b"12345678901234567890", "12345678901234567890"),
    ("asin", b"[1]", None),
    ("asin", b"true", None),
    ("asin", b"1e999", None),
    ("asin", b"NaN", None),
    ("user_id", b"7", "7"),
    ("user_id", b"{}", None),
    ("title", b"1984", "1984"),
    ("title", b"2.5", "2.5"),
    ("title", b"NaN", None),
    ("title", b'"cut \\ud83d"', "cut \ufffd"),
    ("helpful_vote", b"2.0", 2),
    ("helpful_vote", b'"12"', 12),
    ("helpful_vote", b'" 3.0 "', 3),
    ("helpful_vote", b"2.5", None),
    ("helpful_vote", b'"1,234"', None),
    ("helpful_vote", b"99999999999", None),
    ("helpful_vote", b"true", None),
    ("helpful_vote", b"-Infinity", None),
    ("verified_purchase", b'"true"', True),
    ("verified_purchase", b'"N"', False),
    ("verified_purchase", b"1", True),
    ("verified_purchase", b"0.0", False),
    ("verified_purchase", b'"perhaps"', None),
    ("verified_purchase", b"2", None),
    ("verified_purchase", b"NaN", None),
]


def read_with_changes(line):
    """-> (what was read, the changes that were told)."""
    changes = []
    found = read_record(line, on_change=lambda *change: changes.append(change))
    return found, changes


@pytest.mark.parametrize(("field", "raw", "value"), CHANGED)
def test_a_field_that_need_not_be_right_is_converted_or_null(field, raw, value):
    line = b'{"rating": 5, "text": "a", "%s": %s}' % (field.encode(), raw)
    found, changes = read_with_changes(line)
    assert getattr(found, field) == value
    assert changes == [(field, value)]


@pytest.mark.parametrize("field", ["asin", "user_id", "title", "helpful_vote", "verified_purchase"])
@pytest.mark.parametrize("more", [b"", b', "%s": null'])
def test_a_field_that_is_absent_or_null_is_no_change(field, more):
    more = more.replace(b"%s", field.encode())
    found, changes = read_with_changes(b'{"rating": 5, "text": "a", "unread": NaN' + more + b"}")
    assert getattr(found, field) is None
    assert changes == []


def test_half_an_emoji_becomes_a_replacement_and_is_told():
    line = b'{"rating": 5, "text": "good \\ud83d", "unread": "\\ude00"}'
    found, changes = read_with_changes(line)
    assert found.text == "good \ufffd"
    assert changes == [("text", "good \ufffd")]


def test_of_a_rejected_record_no_change_is_told():
    def never(field, value):
        raise AssertionError

    assert read_record(b'{"rating": 6, "text": "a", "asin": 7}', on_change=never).reason


def test_of_a_field_that_stands_twice_the_last_counts():
    assert read_record(b'{"rating": "x", "rating": 5, "text": "a"}') == Review(5.0, None, "a")


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


def test_what_is_nested_without_end_crashes_nothing():
    line = b'{"rating": 5, "text": "a", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    found = read_record(line)
    if sys.version_info >= (3, 14):  # its stack holds them, and nobody needs that field
        assert isinstance(found, Review)
    else:
        assert isinstance(found, Rejected)
        assert found.reason == "not_json"
