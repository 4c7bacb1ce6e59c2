"""The body of a request: what is wrong is told by our field names and limits alone."""

from typing import Annotated

import msgspec
import pytest

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
        (b"no json", "", "the body is not JSON"),
        (b"\xff\xff", "", "the body is not JSON"),
    ],
)
def test_a_wrong_field_is_named_with_its_pointer(body, pointer, message):
    with pytest.raises(RequestError) as raised:
        decode_body(decoder, body, max_bytes=1 << 20)
    assert (raised.value.pointer, str(raised.value)) == (pointer, message)


def test_too_many_bytes_are_refused_before_they_are_read():
    with pytest.raises(TooLargeError, match="may have 10 bytes"):
        decode_body(decoder, b"no json at all", max_bytes=10)


def test_a_body_nested_without_end_is_refused():
    class Loose(msgspec.Struct):
        text: str = ""

    with pytest.raises(RequestError, match="not JSON"):
        decode_body(msgspec.json.Decoder(Loose), b'{"x": ' + b"[" * 100_000, max_bytes=1 << 20)
