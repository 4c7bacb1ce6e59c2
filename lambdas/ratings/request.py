"""What a caller may send: the parser of the API, field by field. Pure.

No message repeats a value or a name that was sent: only our own field names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from reviews.body import decode_body
from reviews.clean import clean, is_empty
from reviews.errors import RequestError
from reviews.limits import (
    MAX_BODY_BYTES,
    MAX_REVIEWS,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)

Title = Annotated[str, Meta(max_length=MAX_TITLE_CHARACTERS)]
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
RequestId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]


class MediaTypeError(RequestError):
    """The body is not JSON by its own account."""


class RequestedReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One review as a customer wrote it."""

    text: Text
    title: Title | None = None
    verified_purchase: bool | None = None


class _OneReview(RequestedReview, frozen=True, forbid_unknown_fields=True):
    explain: bool = False
    allow_unsupported: bool = False
    request_id: RequestId | UnsetType = UNSET


class _Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reviews: Annotated[list[RequestedReview], Meta(min_length=1, max_length=MAX_REVIEWS)]
    explain: bool = False
    allow_unsupported: bool = False
    request_id: RequestId | UnsetType = UNSET


class _Shape(msgspec.Struct):
    """Whether it is a batch; everything else is looked at afterwards."""

    reviews: msgspec.Raw | UnsetType = UNSET


class _Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it is sent: to JSON Schema 4.0 is an integer."""

    request_id: RequestId
    stars: Annotated[float, Meta(ge=1, le=5)]
    index: Annotated[float, Meta(ge=0, lt=MAX_REVIEWS)] = 0.0


@dataclass(frozen=True)
class FeedbackRequest:
    """The true stars of a review that was rated before; index: its place in the batch."""

    request_id: str
    stars: int
    index: int


@dataclass(frozen=True)
class RatingsRequest:
    """A request for ratings. request_id: the caller's own, or empty."""

    reviews: tuple[RequestedReview, ...]
    explain: bool
    allow_unsupported: bool
    request_id: str
    is_batch: bool


_shape = msgspec.json.Decoder(_Shape)
_one = msgspec.json.Decoder(_OneReview)
_batch = msgspec.json.Decoder(_Batch)
_feedback = msgspec.json.Decoder(_Feedback)


def parse_question(body: bytes) -> RatingsRequest:
    """One review, or a batch. Raises RequestError with the pointer to the field."""
    sent: _Batch | _OneReview
    reviews: tuple[RequestedReview, ...]
    if isinstance(decode_body(_shape, body, max_bytes=MAX_BODY_BYTES).reviews, UnsetType):
        sent = one = decode_body(_one, body, max_bytes=MAX_BODY_BYTES)
        reviews = (RequestedReview(one.text, one.title, one.verified_purchase),)
    else:
        sent = batch = decode_body(_batch, body, max_bytes=MAX_BODY_BYTES)
        reviews = tuple(batch.reviews)
    id = "" if isinstance(sent.request_id, UnsetType) else sent.request_id
    is_batch = isinstance(sent, _Batch)
    return RatingsRequest(reviews, sent.explain, sent.allow_unsupported, id, is_batch)


def check_words(question: RatingsRequest) -> None:
    """Raise RequestError where a text holds nothing to judge, as preprocessing rejects it.

    The contract cannot say this: what is left is known after cleaning.
    """
    for place, review in enumerate(question.reviews):
        if is_empty(clean(review.title, review.text).text):
            pointer = f"/reviews/{place}/text" if question.is_batch else "/text"
            raise RequestError("holds no words", pointer=pointer)


def parse_feedback(body: bytes) -> FeedbackRequest:
    """True stars. Raises RequestError with the pointer to the field."""
    sent = decode_body(_feedback, body, max_bytes=MAX_BODY_BYTES)
    for name, number in (("stars", sent.stars), ("index", sent.index)):
        if not number.is_integer():
            raise RequestError("Expected `int`, got `float`", pointer=f"/{name}")
    return FeedbackRequest(sent.request_id, int(sent.stars), int(sent.index))


def check_media_type(content_type: str, content_encoding: str = "") -> None:
    """Raise MediaTypeError where what was sent says that it is no plain JSON; it may say nothing.

    The headers of the same names, as they came.
    """
    if content_encoding.strip().lower() not in ("", "identity"):
        raise MediaTypeError("send the body as it is, without Content-Encoding")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("", "application/json"):
        raise MediaTypeError("send application/json")
