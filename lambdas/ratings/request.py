"""What a caller may send: the parser of the API, field by field. Pure.

No message repeats a value or a name that was sent: only our own field names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from reviews.errors import RequestError, TooLargeError

MOST_BYTES = 1 << 20
MOST_REVIEWS = 100
UNKNOWN_FIELD = "Object contains unknown field"
MISSING_FIELD = re.compile(r"Object missing required field `([a-z_]+)`")
PLACE = re.compile(r" - at `\$([^`]*)`$")
STEP = re.compile(r"\.([a-z_]+)|\[([0-9]+)\]")

Title = Annotated[str, Meta(max_length=1_000)]
Text = Annotated[str, Meta(max_length=20_000)]
RequestId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
T = TypeVar("T")


class MediaTypeError(RequestError):
    """The body is not JSON by its own account."""


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One review as a customer wrote it."""

    text: Text
    title: Title | None = None
    verified_purchase: bool | None = None


class _OneReview(Review, frozen=True, forbid_unknown_fields=True):
    explain: bool = False
    allow_unsupported: bool = False
    request_id: RequestId | UnsetType = UNSET


class _Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reviews: Annotated[list[Review], Meta(min_length=1, max_length=MOST_REVIEWS)]
    explain: bool = False
    allow_unsupported: bool = False
    request_id: RequestId | UnsetType = UNSET


class _Shape(msgspec.Struct):
    """Whether it is a batch; everything else is looked at afterwards."""

    reviews: msgspec.Raw | UnsetType = UNSET


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The true stars of a review that was rated before; index: its place in the batch."""

    request_id: RequestId
    stars: Annotated[int, Meta(ge=1, le=5)]
    index: Annotated[int, Meta(ge=0, lt=MOST_REVIEWS)] = 0


@dataclass(frozen=True)
class Question:
    """A request for ratings. request_id: the caller's own, or empty."""

    reviews: tuple[Review, ...]
    explain: bool
    allow_unsupported: bool
    request_id: str
    is_batch: bool


_shape = msgspec.json.Decoder(_Shape)
_one = msgspec.json.Decoder(_OneReview)
_batch = msgspec.json.Decoder(_Batch)
_feedback = msgspec.json.Decoder(Feedback)


def parse_question(body: bytes) -> Question:
    """One review, or a batch. Raises RequestError with the pointer to the field."""
    sent: _Batch | _OneReview
    reviews: tuple[Review, ...]
    if isinstance(_decode(_shape, body).reviews, UnsetType):
        sent = one = _decode(_one, body)
        reviews = (Review(one.text, one.title, one.verified_purchase),)
    else:
        sent = batch = _decode(_batch, body)
        reviews = tuple(batch.reviews)
    id = "" if isinstance(sent.request_id, UnsetType) else sent.request_id
    is_batch = isinstance(sent, _Batch)
    return Question(reviews, sent.explain, sent.allow_unsupported, id, is_batch)


def parse_feedback(body: bytes) -> Feedback:
    """True stars. Raises RequestError with the pointer to the field."""
    return _decode(_feedback, body)


def check_media_type(content_type: str) -> None:
    """Raise MediaTypeError where what was sent says that it is no JSON; it may say nothing."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("", "application/json"):
        raise MediaTypeError("send application/json")


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    if len(body) > MOST_BYTES:
        raise TooLargeError(f"the body may have {MOST_BYTES:,} bytes")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError("the body is not JSON") from None


def _field_error(message: str) -> RequestError:
    """msgspec's words, which name types and limits, without the name of an unknown field."""
    found = PLACE.search(message)
    words = message[: found.start()] if found else message
    steps = STEP.findall(found.group(1)) if found else []
    pointer = "".join(f"/{name or number}" for name, number in steps)
    if message.startswith(UNKNOWN_FIELD):
        return RequestError("holds a field that this API does not know", pointer=pointer)
    if missing := MISSING_FIELD.fullmatch(words):
        return RequestError("is required", pointer=f"{pointer}/{missing.group(1)}")
    return RequestError(words, pointer=pointer)
