"""Reads one raw line: a review, or a rejected record with the reason.

A line is of the schema whose names it has: Amazon Reviews 2023 where it says `rating` or `text`,
else 2018 or 2014 where it says `overall` or `reviewText`. Python literals, as the files of 2014
hold them, are read too.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isinf
from typing import Annotated, Any

import msgspec

from reviews.almost_json import BOM, REPLACEMENT, from_literal, is_literal, repair
from reviews.convert import from_seconds, to_boolean, to_integer, to_text, to_votes
from reviews.limits import MAX_LINE_BYTES

REASONS = (
    "not_json",
    "not_utf8",
    "not_an_object",
    "missing_field",
    "wrong_type",
    "rating_out_of_range",
    "no_text",
    "too_long",
)

BLANK = b" \t\r\n"

SCHEMA_2023, SCHEMA_2018, SCHEMA_2014 = "2023", "2018", "2014"

HelpfulVotes = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
VotesText = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9]{1,3}(?:,[0-9]{3}){0,2}|[0-9]{1,9})\Z")]

DIGITS = (b"-", *(b"%d" % digit for digit in range(10)))

# Fields that need not be right: their type, and how a value of another type is converted.
Conversions = dict[str, tuple[type, Callable[[object], Any]]]
CONVERSIONS: Conversions = {
    "title": (str, to_text),
    "asin": (str, to_text),
    "user_id": (str, to_text),
    "helpful_vote": (int, partial(to_integer, bits=32)),
    "verified_purchase": (bool, to_boolean),
    "parent_asin": (str, to_text),
    "timestamp": (int, partial(to_integer, bits=64)),
}
WIDE_FIELDS = ("parent_asin", "timestamp", "images")
EARLIER_NAMES = {
    "rating": "overall",
    "title": "summary",
    "text": "reviewText",
    "user_id": "reviewerID",
    "verified_purchase": "verified",
    "timestamp": "unixReviewTime",
    "images": "image",
}
EARLIER_CONVERSIONS = CONVERSIONS | {
    "helpful_vote": (str, to_votes),
    "timestamp": (int, from_seconds),
}

# Called with a field whose value was of another type, and what was made of it; None: null.
OnChange = Callable[[str, object], None]


class Review(msgspec.Struct, gc=False):
    """The fields of a raw review that are read; all others are skipped without parsing.

    Only rating and text must be of these types. Others are converted where that is plain, or
    become null. Where a field stands twice in a line the last one counts.
    """

    rating: float | None = None
    title: str | None = None
    text: str | None = None
    asin: str | None = None
    user_id: str | None = None
    helpful_vote: HelpfulVotes | None = None
    verified_purchase: bool | None = None


class WideReview(Review, gc=False):
    """A review with the fields that are kept on request only, as they stand in the line."""

    parent_asin: msgspec.Raw = msgspec.Raw(b"null")
    timestamp: msgspec.Raw = msgspec.Raw(b"null")
    images: msgspec.Raw = msgspec.Raw(b"null")


class EarlierReview(
    Review, gc=False, rename={**EARLIER_NAMES, "newer_rating": "rating", "newer_text": "text"}
):
    """A review by the names of 2018 and 2014.

    vote, helpful: of 2018 as a text, of 2014 as (yes, all); `settle` makes `helpful_vote` of them.
    newer_rating, newer_text: the line is of 2023 where either is there.
    """

    rating: float | None = None
    title: str | None = None
    text: str | None = None
    user_id: str | None = None
    verified_purchase: bool | None = None
    vote: VotesText | None = None
    helpful: tuple[HelpfulVotes, HelpfulVotes] | None = None
    newer_rating: msgspec.Raw | None = None
    newer_text: msgspec.Raw | None = None

    def settle(self) -> None:
        """Make one number of the votes."""
        if self.vote is not None:
            self.helpful_vote = int(self.vote.replace(",", ""))
        elif self.helpful is not None:
            self.helpful_vote = self.helpful[0]


class WideEarlierReview(EarlierReview, gc=False, rename=EARLIER_NAMES):
    """An earlier review with the fields that are kept on request only; timestamp: in seconds."""

    parent_asin: msgspec.Raw = msgspec.Raw(b"null")
    timestamp: msgspec.Raw = msgspec.Raw(b"null")
    images: msgspec.Raw = msgspec.Raw(b"null")


class _RawReview(msgspec.Struct, gc=False):
    """All fields of a WideReview, as they stand in the line; those that are absent are empty."""

    rating: msgspec.Raw = msgspec.Raw(b"")
    title: msgspec.Raw = msgspec.Raw(b"")
    text: msgspec.Raw = msgspec.Raw(b"")
    asin: msgspec.Raw = msgspec.Raw(b"")
    user_id: msgspec.Raw = msgspec.Raw(b"")
    helpful_vote: msgspec.Raw = msgspec.Raw(b"")
    verified_purchase: msgspec.Raw = msgspec.Raw(b"")
    parent_asin: msgspec.Raw = msgspec.Raw(b"")
    timestamp: msgspec.Raw = msgspec.Raw(b"")
    images: msgspec.Raw = msgspec.Raw(b"")


class _RawEarlierReview(_RawReview, gc=False, rename=EARLIER_NAMES):
    """The same of a WideEarlierReview."""

    rating: msgspec.Raw = msgspec.Raw(b"")
    title: msgspec.Raw = msgspec.Raw(b"")
    text: msgspec.Raw = msgspec.Raw(b"")
    user_id: msgspec.Raw = msgspec.Raw(b"")
    verified_purchase: msgspec.Raw = msgspec.Raw(b"")
    timestamp: msgspec.Raw = msgspec.Raw(b"")
    images: msgspec.Raw = msgspec.Raw(b"")
    vote: msgspec.Raw = msgspec.Raw(b"")
    helpful: msgspec.Raw = msgspec.Raw(b"")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is no usable review, with the reason.

    line: its bytes, without the newline. offset: of its first byte in the file, after
    decompression. number: counted from 1 in what was read, which for a byte range is the range.
    part: a line longer than `source.MAX_HELD_BYTES` comes in parts 0, 1, ...; it counts once.
    """

    reason: str
    line: bytes
    offset: int = 0
    number: int = 0
    part: int | None = None

    def to_json(self) -> bytes:
        """One JSON line. What is not UTF-8 stands under `raw_base64`, so that no byte is lost."""
        entry: dict[str, object] = {
            "reason": self.reason,
            "offset": self.offset,
            "line": self.number,
        }
        if self.part is not None:
            entry["part"] = self.part
        try:
            entry["raw"] = self.line.decode()
        except UnicodeDecodeError:
            entry["raw_base64"] = base64.b64encode(self.line).decode()
        return msgspec.json.encode(entry) + b"\n"


# By whether the fields that are kept on request are wanted: of a schema the kinds to decode to.
KINDS: dict[bool, tuple[type[Review], type[EarlierReview]]] = {
    False: (Review, EarlierReview),
    True: (WideReview, WideEarlierReview),
}
_DECODERS = {
    wide: (msgspec.json.Decoder(newer), msgspec.json.Decoder(earlier))
    for wide, (newer, earlier) in KINDS.items()
}
_raw = msgspec.json.Decoder(_RawReview)
_raw_earlier = msgspec.json.Decoder(_RawEarlierReview)
_helpful = msgspec.json.Decoder(tuple[HelpfulVotes, HelpfulVotes])
_rating = msgspec.json.Decoder(float | None)
_text = msgspec.json.Decoder(str | None)
_syntax = msgspec.json.Decoder(msgspec.Raw)


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing but white space: it is counted apart and is no record."""
    return not line.strip(BLANK)


def read_record(
    line: bytes,
    *,
    wide: bool = False,
    offset: int = 0,
    number: int = 0,
    on_change: OnChange = lambda field, value: None,
) -> Review | Rejected:
    """Parse one raw line. One that is rejected is returned with its reason, never raised.

    on_change: called for each value that is not as it stood in the line, unless that is rejected.
    """
    changes: list[tuple[str, object]] = []
    found = _parse(line, wide, changes)
    reason = found if isinstance(found, str) else unusable_reason(found)
    if reason:
        return Rejected(reason, line, offset, number)
    assert isinstance(found, Review)
    for field, value in changes:
        on_change(field, value)
    return found


def read_earlier(line: bytes) -> EarlierReview | None:
    """A line of 2018 or 2014 that has a text, with a rating or without; None for any other."""
    found = _parse(line, False, [])
    return found if isinstance(found, EarlierReview) and found.text is not None else None


def schema_of(review: Review) -> str:
    """The year of the schema that a review was read by; of 2014 it has `helpful`."""
    if not isinstance(review, EarlierReview):
        return SCHEMA_2023
    return SCHEMA_2018 if review.helpful is None else SCHEMA_2014


def is_earlier(newer: Review, earlier: Review) -> bool:
    """Whether of a line that was read by both kinds of names the earlier ones are its own."""
    says_newer = newer.rating is not None or newer.text is not None
    return not says_newer and (earlier.rating is not None or earlier.text is not None)


def unusable_reason(review: Review) -> str:
    """Why a parsed record's rating or text cannot be used, or an empty string."""
    rating = review.rating
    if rating is None or review.text is None:
        return "missing_field"
    if rating % 1:
        return "wrong_type"  # 4.5 stars
    return "" if 1 <= rating <= 5 else "rating_out_of_range"


def rating_of(line: bytes) -> float | None:
    """The rating of a line that was rejected for it, be it out of range; None where there is none.

    Infinite where no float holds it.
    """
    line = _without_bom(line)
    try:
        raw = bytes(_raw_fields(from_literal(line) if is_literal(line) else line).rating)
        return float(raw) if raw[:1] in DIGITS else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _parse(line: bytes, wide: bool, changes: list[tuple[str, object]]) -> Review | str:
    if len(line) > MAX_LINE_BYTES:
        return "too_long"
    try:
        line.decode()  # msgspec does not look into the fields that it skips
    except UnicodeDecodeError:
        return "not_utf8"
    line = _without_bom(line)
    if is_literal(line):
        return _parse_loosely(repair(from_literal(line)), wide, changes)
    decoder, decoder_of_earlier = _DECODERS[wide]
    try:
        review = decoder.decode(line)
        if review.rating is None and review.text is None:
            earlier = decoder_of_earlier.decode(line)
            if is_earlier(review, earlier):
                earlier.settle()
                return earlier
    except (msgspec.DecodeError, RecursionError):  # of what comes first, a type or the syntax
        return _parse_loosely(repair(line), wide, changes)
    return review


def _without_bom(line: bytes) -> bytes:
    while line.startswith(BOM):
        line = line[len(BOM) :]
    return line


def _parse_loosely(line: bytes, wide: bool, changes: list[tuple[str, object]]) -> Review | str:
    """Parse a line of which some value is of another type, or a reason why it is rejected."""
    try:
        if not bytes(_syntax.decode(line)).startswith(b"{"):
            return "not_an_object"
        raw = _raw_fields(line)
    except (msgspec.DecodeError, RecursionError):
        return "not_json"
    try:
        text = _text.decode(raw.text or b"null")
    except msgspec.ValidationError:
        return "wrong_type"
    try:
        rating = _rating.decode(raw.rating or b"null")
    except msgspec.ValidationError:  # as a type, or as a number that no float holds
        is_number = bytes(raw.rating)[:1] in DIGITS and isinf(float(bytes(raw.rating)))
        return "rating_out_of_range" if is_number else "wrong_type"
    values: dict[str, Any] = {
        name: convert_raw(name, getattr(raw, name), changes)
        for name in CONVERSIONS
        if name not in (*WIDE_FIELDS, "helpful_vote")
    }
    if isinstance(raw, _RawEarlierReview):
        values |= _earlier_values(raw, changes)
    else:
        values["helpful_vote"] = convert_raw("helpful_vote", raw.helpful_vote, changes)
    if REPLACEMENT in bytes(raw.text):
        changes.append(("text", text))
    if wide:
        values |= {name: getattr(raw, name) or msgspec.Raw(b"null") for name in WIDE_FIELDS}
    kind = KINDS[wide][isinstance(raw, _RawEarlierReview)]
    return kind(rating=rating, text=text, **values)


def _raw_fields(line: bytes) -> _RawReview:
    """The fields of an object by the names of its own schema."""
    raw = _raw.decode(line)
    if any(map(_is_said, (raw.rating, raw.text))):
        return raw
    earlier = _raw_earlier.decode(line)
    return earlier if any(map(_is_said, (earlier.rating, earlier.text))) else raw


def _is_said(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in (b"", b"null")


def _earlier_values(raw: _RawEarlierReview, changes: list[tuple[str, object]]) -> dict[str, Any]:
    """`helpful_vote` and `helpful` of a line of 2018 or 2014, as after `settle`."""
    pair: tuple[int, int] | None = None
    votes: int | None = None
    if _is_said(raw.helpful):
        try:
            pair = _helpful.decode(raw.helpful)
            votes = pair[0]
        except msgspec.ValidationError:
            pair = (0, 0)  # the line is of 2014 all the same
            if not _is_said(raw.vote):
                changes.append(("helpful_vote", None))
    if _is_said(raw.vote):
        votes = convert_raw("helpful_vote", raw.vote, changes, EARLIER_CONVERSIONS)
    elif pair is None:
        votes = convert_raw("helpful_vote", raw.helpful_vote, changes)
    return {"helpful_vote": votes, "helpful": pair}


def convert_raw(
    name: str,
    raw: msgspec.Raw,
    changes: list[tuple[str, object]],
    conversions: Conversions = CONVERSIONS,
) -> Any:
    """The value of a field that need not be right: converted where that is plain, or None.

    changes: gets the field and the value where it is not as it stands in the line.
    """
    line = bytes(raw)
    if line in (b"", b"null"):
        return None
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):  # a number that nothing holds
        value = None
    kind, convert = conversions[name]
    converted = convert(value)
    if type(value) is not kind or converted is None or REPLACEMENT in line:
        changes.append((name, converted))
    return converted
