"""Defines how a raw line becomes a curated row or is rejected, one record at a time.

`reviews.refine` does the same over whole chunks; a test holds it equal to this in every cell.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from reviews import language
from reviews.clean import clean, is_empty
from reviews.counts import Counts
from reviews.identity import bucket, review_key
from reviews.record import (
    CONVERSIONS,
    EARLIER_CONVERSIONS,
    EarlierReview,
    OnChange,
    Rejected,
    Review,
    WideEarlierReview,
    WideReview,
    convert_raw,
    is_blank,
    read_record,
    schema_of,
)

Row = dict[str, Any]


def refine_record(
    line: bytes,
    *,
    detector: str = language.DEFAULT,
    wide: bool = False,
    offset: int = 0,
    number: int = 0,
    on_change: OnChange = lambda field, value: None,
) -> Row | Rejected:
    """Make one curated row, or reject the line.

    `schema` is the one that the line had, and no column. wide: with parent_asin, images and
    timestamp, too: all columns of the data dictionary.
    """
    review = read_record(line, wide=wide, offset=offset, number=number, on_change=on_change)
    if isinstance(review, Rejected):
        return review
    extra = extra_values(review, on_change) if wide else {}
    assert review.rating is not None
    assert review.text is not None
    cleaned = clean(review.title, review.text)
    if is_empty(cleaned.text):
        return Rejected("no_text", line, offset, number)
    rating = int(review.rating)
    code, confidence = language.detect(cleaned.sample, detector)
    row: Row = {
        "rating": rating,
        "title": cleaned.title,
        "text": cleaned.text,
        "verified_purchase": review.verified_purchase,
        "helpful_vote": review.helpful_vote,
        "language": code,
        "language_confidence": confidence,
        "markup": cleaned.markup,
        "bucket": bucket(review.user_id, cleaned.text),
        "review_key": review_key(review.user_id, review.asin, rating, cleaned.title, cleaned.text),
        "asin": review.asin,
        "user_id": review.user_id,
        "schema": schema_of(review),
    }
    return row | extra


def refine_lines(
    lines: Iterable[bytes], counts: Counts, *, detector: str = language.DEFAULT, wide: bool = False
) -> Iterator[Row | Rejected]:
    """Rows and rejected lines, in order; duplicates and blank lines are only counted.

    lines: each with its newline, the last one perhaps without.
    """
    seen: set[int] = set()
    offset = 0
    for number, whole in enumerate(lines, start=1):
        line = whole.removesuffix(b"\n")
        begin, offset = offset, offset + len(whole)
        if is_blank(line):
            counts.blank += 1
            continue
        counts.read += 1
        row = refine_record(
            line,
            detector=detector,
            wide=wide,
            offset=begin,
            number=number,
            on_change=counts.add_change,
        )
        if isinstance(row, Rejected):
            counts.add_rejected(row)
            yield row
        elif row["review_key"] in seen:
            counts.duplicates += 1
        else:
            seen.add(row["review_key"])
            counts.kept += 1
            counts.languages[row["language"]] += 1
            counts.ratings[str(row["rating"])] += 1
            counts.schemas[row.pop("schema")] += 1
            yield row


def extra_values(review: Review, on_change: OnChange) -> Row:
    """The columns that a wide review has besides those of a Review."""
    assert isinstance(review, WideReview | WideEarlierReview)
    conversions = EARLIER_CONVERSIONS if isinstance(review, EarlierReview) else CONVERSIONS
    changes: list[tuple[str, object]] = []
    images = bytes(review.images).decode()
    values = {
        "parent_asin": convert_raw("parent_asin", review.parent_asin, changes),
        "images": None if images == "null" else images,
        "timestamp": convert_raw("timestamp", review.timestamp, changes, conversions),
    }
    for field, value in changes:
        on_change(field, value)
    return values
