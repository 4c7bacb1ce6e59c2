"""Reads one raw line: a review, or a rejected record with the reason."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isinf
from typing import Annotated, Any

import msgspec

from reviews.almost_json import BOM, REPLACEMENT, repair
from reviews.convert import to_boolean, to_integer, to_text
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

HelpfulVotes = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

DIGITS = (b"-", *(b"%d" % digit for digit in range(10)))

# Fields that need not be right: their type, and how a value of another type is converted.
CONVERSIONS: dict[str, tuple[type, Callable[[object], Any]]] = {
    "title": (str, to_text),
    "asin": (str, to_text),
    "user_id": (str, to_text),
    "helpful_vote": (int, partial(to_integer, bits=32)),
    "verified_purchase": (bool, to_boolean),
    "parent_asin": (str, to_text),
    "timestamp": (int, partial(to_integer, bits=64)),
}
WIDE_FIELDS = ("parent_asin", "timestamp", "images")

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


_review = msgspec.json.Decoder(Review)
_wide = msgspec.json.Decoder(WideReview)
_raw = msgspec.json.Decoder(_RawReview)
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
    try:
        raw = bytes(_raw.decode(_without_bom(line)).rating)
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
    try:
        return (_wide if wide else _review).decode(line)
    except (msgspec.DecodeError, RecursionError):  # of what comes first, a type or the syntax
        return _parse_loosely(repair(line), wide, changes)


def _without_bom(line: bytes) -> bytes:
    while line.startswith(BOM):
        line = line[len(BOM) :]
    return line


def _parse_loosely(line: bytes, wide: bool, changes: list[tuple[str, object]]) -> Review | str:
    """Parse a line of which some value is of another type, or a reason why it is rejected."""
    try:
        if not bytes(_syntax.decode(line)).startswith(b"{"):
            return "not_an_object"
        raw = _raw.decode(line)
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
    values = {
        name: convert_raw(name, getattr(raw, name), changes)
        for name in CONVERSIONS
        if name not in WIDE_FIELDS
    }
    if REPLACEMENT in bytes(raw.text):
        changes.append(("text", text))
    if not wide:
        return Review(rating=rating, text=text, **values)
    extra: dict[str, Any] = {
        name: getattr(raw, name) or msgspec.Raw(b"null") for name in WIDE_FIELDS
    }
    return WideReview(rating=rating, text=text, **values, **extra)


def convert_raw(name: str, raw: msgspec.Raw, changes: list[tuple[str, object]]) -> Any:
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
    kind, convert = CONVERSIONS[name]
    converted = convert(value)
    if type(value) is not kind or converted is None or REPLACEMENT in line:
        changes.append((name, converted))
    return converted
