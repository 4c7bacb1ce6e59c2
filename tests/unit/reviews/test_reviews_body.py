"""The body of a request: what is wrong is told by our field names and limits alone."""

import time
from typing import Annotated

import msgspec
import pytest

from reviews.almost_json import find_half_surrogate, find_nan, repair
from reviews.body import decode_body
from reviews.errors import RequestError, TooLargeError


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(max_length=3)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    reviews: list[Inner]


decoder = msgspec.json.Decoder(Body)


def test_a_body_is_decoded():
    found = decode_body(decoder, b'{"reviews": [{"text": "ok"}]}', max_bytes=100)
    assert found == Body([Inner("ok")])


@pytest.mark.parametrize(
    ("body", "pointer", "message"),
    [
        (b"{}", "/reviews", "is required"),
        (b'{"reviews": [{}]}', "/reviews/0/text", "is required"),
        (b'{"reviews": [{"text": 5}]}', "/reviews/0/text", "Expected `str`, got `int`"),
        (b'{"reviews": [{"text": "long"}]}', "/reviews/0/text", "Expected `str` of length <= 3"),
        (
            b'{"reviews": [{"text": "ok", "secret": 1}]}',
            "/reviews/0",
            "holds a field that this API does not know",
        ),
        (b"no json", "", "the body is not JSON: see byte 1"),
        (b'{"reviews": [', "", "the body is not JSON: it ends too early, after 13 bytes"),
        (b"", "", "the body is not JSON: it ends too early, after 0 bytes"),
        (
            b'{"reviews": [{"text": "caf\xe9"}]}',
            "",
            "the body is not JSON in UTF-8: byte 26 cannot be decoded",
        ),
        (
            '{"reviews": []}'.encode("utf-16"),
            "",
            "the body is UTF-16 or UTF-32: send JSON in UTF-8",
        ),
        (
            b'{"reviews": [{"text": "a \\ud83d"}]}',
            "",
            "the body holds half a surrogate pair (a cut emoji) at byte 25",
        ),
        (
            b'{"reviews": NaN}',
            "",
            "the body is not JSON: there is no NaN or Infinity in JSON (byte 12)",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_pointer(body, pointer, message):
    with pytest.raises(RequestError) as raised:
        decode_body(decoder, body, max_bytes=1 << 20)
    assert (raised.value.pointer, str(raised.value)) == (pointer, message)


def test_a_byte_order_mark_before_a_body_is_dropped():
    body = b'\xef\xbb\xbf{"reviews": [{"text": "ok"}]}'
    assert decode_body(decoder, body, max_bytes=100) == Body([Inner("ok")])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'"\\ud83d\\ude00"', None),
        (b'"\\\\ud83d"', None),
        (b'"\\ud83d\\ud83d\\ude00"', 1),
        (b'"\\uDE00"', 1),
        (b'"\\ud83d x \\ude00"', 1),
    ],
)
def test_half_a_surrogate_pair_is_found(text, place):
    assert find_half_surrogate(text) == place


def test_what_looks_like_nan_in_a_string_is_none():
    assert find_nan(b'{"a": "NaN", "b": "\\" NaN"}') is None
    assert repair(b'{"a": -Infinity, "b": "NaN", "c": NaN}') == b'{"a": {}, "b": "NaN", "c": {}}'


@pytest.mark.parametrize("bomb", [b'"', b'\\"', b"\\", b"NaN ", b"\\ud83d", b"\\u"])
def test_repairing_a_bomb_takes_no_time(bomb):
    start = time.process_time()
    repair(b'{"text": "' + bomb * 200_000 + b"NaN")
    assert time.process_time() - start < 2


def test_too_many_bytes_are_refused_before_they_are_read():
    with pytest.raises(TooLargeError, match="may have 10 bytes"):
        decode_body(decoder, b"no json at all", max_bytes=10)


def test_a_body_nested_without_end_is_refused():
    class Loose(msgspec.Struct):
        text: str = ""

    # From Python 3.14 on the stack holds them all, and the end is what is missing.
    with pytest.raises(RequestError, match=r"nested too deep|ends too early"):
        decode_body(msgspec.json.Decoder(Loose), b'{"x": ' + b"[" * 100_000, max_bytes=1 << 20)
