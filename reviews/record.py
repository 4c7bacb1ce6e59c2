"""Reads one raw line: a review, or a rejected record with the reason."""

import base64
from dataclasses import dataclass
from math import isinf
from typing import Annotated

import msgspec

from reviews.almost_json import BOM
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


HelpfulVotes = Annotated[int, msgspec.Meta(ge=1 - 2**31, le=2**31 - 1)]


class Review(msgspec.Struct, gc=False):
    """The fields of a raw review that are read; all others are skipped without parsing.

    Where a field stands twice in a line the last one counts, and both must be of the right type.
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


class _UnreadRating(Review, gc=False):
    rating: msgspec.Raw = msgspec.Raw(b"null")  # type: ignore[assignment]


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
_any_rating = msgspec.json.Decoder(_UnreadRating)
_syntax = msgspec.json.Decoder(msgspec.Raw)


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing but white space: it is counted apart and is no record."""
    return not line.strip(BLANK)


def read_record(
    line: bytes, *, wide: bool = False, offset: int = 0, number: int = 0
) -> Review | Rejected:
    """Parse one raw line. One that is rejected is returned with its reason, never raised."""
    found = _parse(line, wide)
    reason = found if isinstance(found, str) else unusable_reason(found)
    if reason:
        return Rejected(reason, line, offset, number)
    assert isinstance(found, Review)
    return found


def unusable_reason(review: Review) -> str:
    """Why a parsed record's rating or text cannot be used, or an empty string."""
    rating = review.rating
    if rating is None or review.text is None:
        return "missing_field"
    if rating % 1:
        return "wrong_type"  # 4.5 stars
    return "" if 1 <= rating <= 5 else "rating_out_of_range"


def _parse(line: bytes, wide: bool) -> Review | str:
    if len(line) > MAX_LINE_BYTES:
        return "too_long"
    try:
        line.decode()  # msgspec does not look into the fields that it skips
    except UnicodeDecodeError:
        return "not_utf8"
    while line.startswith(BOM):
        line = line[len(BOM) :]
    try:
        return (_wide if wide else _review).decode(line)
    except msgspec.ValidationError:
        return _misfit(line)
    except (msgspec.DecodeError, RecursionError):
        return "not_json"


def _misfit(line: bytes) -> str:
    """Why a line of the wrong shape is wrong: its syntax (which comes first), or its types."""
    try:
        if not bytes(_syntax.decode(line)).startswith(b"{"):
            return "not_an_object"
    except (msgspec.DecodeError, RecursionError):
        return "not_json"
    try:
        rating = bytes(_any_rating.decode(line).rating)
    except msgspec.ValidationError:
        return "wrong_type"
    # The rating alone is wrong: by its type, or as a number that no float holds.
    is_infinite = rating[:1] in b"-0123456789" and isinf(float(rating))
    return "rating_out_of_range" if is_infinite else "wrong_type"
