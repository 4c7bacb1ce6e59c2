"""From a question to the endpoint's answer, and from that to the caller's. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from lambdas.contract.live import PACKAGE, version
from lambdas.ratings.request import RatingsRequest
from reviews.errors import ModelError


class Rated(msgspec.Struct, frozen=True):
    """What the endpoint says of one review."""

    stars: int
    expected_stars: float
    probabilities: list[float]
    confidence: float
    language: str
    supported: bool
    known_words: int
    observation: dict[str, Any]
    explanation: msgspec.Raw | UnsetType = UNSET


class Answered(msgspec.Struct, frozen=True):
    """What the endpoint answers; model_version: the ARN of the package that it serves."""

    model_version: str
    ratings: list[Rated]


_answered = msgspec.json.Decoder(Answered)


def to_endpoint(question: RatingsRequest) -> bytes:
    """The body that the endpoint takes."""
    return msgspec.json.encode({"reviews": question.reviews, "explain": question.explain})


def from_endpoint(body: bytes, question: RatingsRequest) -> Answered:
    """Read the endpoint's answer.

    Raises ModelError for anything but one rating a review, and the package that gave them.
    """
    try:
        found = _answered.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ModelError("the model's answer cannot be read") from None
    if PACKAGE not in found.model_version:
        raise ModelError("the model's answer does not say which package gave it")
    if len(found.ratings) != len(question.reviews):
        raise ModelError(
            f"the model gave {len(found.ratings)} ratings for {len(question.reviews)} reviews"
        )
    return found


def to_caller(question: RatingsRequest, answered: Answered, request_id: str) -> dict[str, Any]:
    """The body of the answer: one rating, or all under `ratings`, in order."""
    head = {"request_id": request_id, "model_version": version(answered.model_version)}
    ratings = [head | _shown(rated, question) for rated in answered.ratings]
    return {**head, "ratings": ratings} if question.is_batch else ratings[0]


def _shown(rated: Rated, question: RatingsRequest) -> dict[str, Any]:
    """A rating without what only monitoring sees; stars only where the language is learned."""
    has_stars = rated.supported or question.allow_unsupported
    shown: dict[str, Any] = {
        "stars": rated.stars if has_stars else None,
        "expected_stars": rated.expected_stars,
        "probabilities": rated.probabilities,
        "confidence": rated.confidence,
        "language": rated.language,
        "supported": rated.supported,
        "known_words": rated.known_words,
    }
    if not isinstance(rated.explanation, UnsetType):
        shown["explanation"] = rated.explanation
    return shown
