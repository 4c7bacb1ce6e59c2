"""From a customer's text to the answer of the endpoint, and what monitoring keeps of it.

Served reviews, predicted files and those asked by hand go through here, so they cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from monitoring.observations import ModelObservation
from reviews.clean import clean, is_empty
from reviews.language import detect_many
from reviews.verified import CODES, NOT_SAID, VALUES
from training.errors import RequestError
from training.model.explain import VERIFIED_PURCHASE

if TYPE_CHECKING:
    from training.model.star_model import StarModel  # which answers by this

TOPIC_DIGITS = 5  # of coordinates that lie within 1
MAX_PARTS = 20  # of an explanation; the others are summed under `rest`


class RawReview(msgspec.Struct, frozen=True):
    """One review as a customer wrote it."""

    text: str
    title: str | None = None
    verified_purchase: bool | None = None


@dataclass(frozen=True)
class Prepared:
    """A review as the model takes it: cleaned, with its language, and whether it held markup."""

    title: str
    text: str
    language: str
    markup: bool
    verified: int = NOT_SAID


class ExplanationPart(msgspec.Struct, frozen=True):
    """What a part of a review adds to the logit of the decided stars; see `explain`."""

    field: str
    words: str
    contribution: float


class Explanation(msgspec.Struct, frozen=True):
    """The logit of the decided stars, and the parts that sum to it."""

    logit: float
    parts: list[ExplanationPart]


class Rating(msgspec.Struct, frozen=True):
    """The answer to one review. Stars are given whatever the language: see `supported`.

    known_words: of title and text, how many the model has learned; 0 means that the answer is no
    more than the shares of the stars among its training rows.
    """

    stars: int
    expected_stars: float
    probabilities: list[float]
    confidence: float
    language: str
    supported: bool
    known_words: int
    observation: ModelObservation
    explanation: Explanation | UnsetType = UNSET


def prepare(
    titles: Sequence[str | None],
    texts: Sequence[str],
    verified: Sequence[bool | None],
    detector: str,
) -> list[Prepared]:
    """Clean raw reviews and detect their languages, by the detector that the model learned with.

    verified: whether each purchase was verified; None: not said.
    """
    cleaned = [clean(title, text) for title, text in zip(titles, texts, strict=True)]
    languages = detect_many([c.sample for c in cleaned], detector)
    return [
        Prepared(c.title, c.text, language, c.markup, CODES[said])
        for c, (language, _), said in zip(cleaned, languages, verified, strict=True)
    ]


def rate_raw(
    model: "StarModel", reviews: Sequence[RawReview], explain: bool = False
) -> list[Rating]:
    """Clean reviews and answer for every one, in order.

    Raises RequestError with a pointer to a text that holds nothing to judge.
    """
    titles, texts = [r.title for r in reviews], [r.text for r in reviews]
    prepared = prepare(titles, texts, [r.verified_purchase for r in reviews], model.detector)
    for place, review in enumerate(prepared):
        if is_empty(review.text):
            raise RequestError("holds no words", pointer=f"/reviews/{place}/text")
    return rate(model, prepared, explain)


def read_reviews(reviews: Sequence[str | Mapping[str, object]]) -> list[RawReview]:
    """Reviews as they come to hand: their text alone, or fields of which RawReview has its own.

    Raises RequestError with a pointer to what is none.
    """
    found = []
    for place, review in enumerate(reviews):
        fields = {"text": review} if isinstance(review, str) else review
        try:
            found.append(msgspec.convert(fields, RawReview))
        except msgspec.ValidationError as error:  # names fields and types, no value
            raise RequestError(str(error), pointer=f"/reviews/{place}") from None
    return found


def rate(model: "StarModel", reviews: Sequence[Prepared], explain: bool = False) -> list[Rating]:
    """Answer for every review, in order. None may be empty: see `reviews.clean.is_empty`."""
    if not reviews:
        return []
    probabilities, known_words, seen = model.observe(
        [r.title for r in reviews],
        [r.text for r in reviews],
        languages=[r.language for r in reviews],
        markup=[r.markup for r in reviews],
        verified=[r.verified for r in reviews],
    )
    columns = zip(
        seen.stars.tolist(),
        probabilities.tolist(),
        known_words.tolist(),
        seen.supported.tolist(),
        seen.length.tolist(),
        seen.oov_share.tolist(),
        seen.topics.astype(float).round(TOPIC_DIGITS).tolist(),
        strict=True,
    )
    ratings = []
    for review, (stars, p, known, supported, length, unknown, topics) in zip(
        reviews, columns, strict=True
    ):
        expected = sum((k + 1) * share for k, share in enumerate(p))
        shared = (stars, expected, p[stars - 1], review.language, supported)
        said = VALUES[review.verified]
        observation = ModelObservation(
            *shared, length, round(unknown, 6), review.markup, topics, said
        )
        rating = Rating(
            stars, expected, p, p[stars - 1], review.language, supported, known, observation
        )
        if explain:
            explanation = _explain(model, review, stars)
            rating = msgspec.structs.replace(rating, explanation=explanation)
        ratings.append(rating)
    return ratings


def _explain(model: "StarModel", review: Prepared, stars: int) -> Explanation:
    found = model.explain(review.title, review.text, stars, review.verified)
    flag = next((place for place, c in enumerate(found) if c.field == VERIFIED_PURCHASE), 0)
    if flag >= MAX_PARTS:  # what the flag did is asked for, however little it was
        found.insert(MAX_PARTS - 1, found.pop(flag))
    parts = [ExplanationPart(c.field, c.words, c.contribution) for c in found[:MAX_PARTS]]
    if rest := found[MAX_PARTS:]:
        parts.append(ExplanationPart("rest", "", sum(c.contribution for c in rest)))
    return Explanation(sum(part.contribution for part in parts), parts)
