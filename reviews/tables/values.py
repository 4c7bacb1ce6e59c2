"""Columns of a table to the fields of a review; what was converted, lost or no stars is counted."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from reviews.convert import to_boolean, to_integer, to_text, to_votes
from reviews.counts import off_scale
from reviews.tables.stars import SCALE, read_stars

MAX_KNOWN = 1 << 12  # distinct values whose meaning is remembered
FIRST_MILLISECONDS = 100_000_000_000  # what is less is seconds: as milliseconds it is before 1973
LAST_MILLISECONDS = 2**53
EMPTY = ("", "n/a", "na", "nan", "null", "none", "nil", "-")  # nothing is said, in lower case
DATES = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*")
# How a column of ratings can be wrong as a whole.
HALF, OTHER_SCALE, DATE, NO_STARS = "half", "other scale", "date", "no stars"


@dataclass(slots=True)
class Ratings:
    """What the values of the column of ratings were.

    good: 1 to 5. missing: empty. above, below: numbers out of range. other: by kind what is no
    whole star. first: of each kind the first place.
    """

    good: int = 0
    missing: int = 0
    above: int = 0
    below: int = 0
    other: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)

    @property
    def scale_problem(self) -> str:
        """How many ratings show another scale, if they do; else nothing."""
        if scaled := self.other[OTHER_SCALE]:
            return off_scale(self.good, above=self.above + scaled, below=0)
        return off_scale(self.good, above=self.above, below=self.below)


class RatingReader:
    """Ratings of a column: a float where a value says one, else the value as it stands."""

    def __init__(self) -> None:
        self.found = Ratings()
        self._known: dict[Any, tuple[str, Any]] = {}

    def read(self, values: Sequence[Any], places: Sequence[int]) -> list[Any]:
        """The ratings of some rows, which stand at these places."""
        kinds = set(map(type, values)) - {type(None)}
        if len(kinds) <= 1 and kinds <= {str, int, float}:
            meanings = {value: self._meaning(value) for value in dict.fromkeys(values)}
            counted = Counter(values)
        else:  # of two kinds True and 1 would be one value
            meanings = {number: _meaning(value) for number, value in enumerate(values)}
            counted, values = Counter(meanings.keys()), range(len(values))
        for value, rows in counted.items():
            kind = meanings[value][0]
            self._count(kind, rows)
            if kind not in self.found.first:
                self.found.first[kind] = places[values.index(value)]
        return [meanings[value][1] for value in values]

    def _meaning(self, value: Any) -> tuple[str, Any]:
        """The kind of a value, and what stands for it."""
        kind = type(value)
        if (known := self._known.get((kind, value))) is None:
            known = _meaning(value)
            if len(self._known) < MAX_KNOWN:
                self._known[kind, value] = known
        return known

    def _count(self, kind: str, rows: int) -> None:
        if kind in ("good", "missing", "above", "below"):
            setattr(self.found, kind, getattr(self.found, kind) + rows)
        else:
            self.found.other[kind] += rows


def _meaning(value: Any) -> tuple[str, Any]:
    if value is None or (isinstance(value, str) and value.strip().lower() in EMPTY):
        return "missing", None
    if isinstance(value, float) and value != value:
        return "missing", None
    if value.__class__.__name__ == "Decimal":
        value = float(value)
    if (stars := read_stars(value)) is None:
        is_date = isinstance(value, date) or bool(DATES.fullmatch(str(value)))
        return (DATE if is_date else NO_STARS), str(value)
    if stars.scale != SCALE:
        return OTHER_SCALE, str(value)
    if stars.value > 5:
        return "above", stars.value
    if stars.value < 1:
        return "below", stars.value
    return ("good" if stars.value.is_integer() else HALF), stars.value


@dataclass(slots=True)
class Changes:
    """By field, values that were converted to those of the schema, or became null."""

    converted: Counter[str] = field(default_factory=Counter)
    nulled: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, made: Sequence[Any], unusual: Sequence[bool]) -> None:
        """Count a column's new values. unusual: which had to be converted, if they are not null."""
        for value, was_unusual in zip(made, unusual, strict=True):
            if was_unusual:
                (self.nulled if value is None else self.converted)[name] += 1


def read_field(name: str, values: Sequence[Any], changes: Changes) -> Sequence[Any]:
    """The values of a field, as the schema of 2023 has them; an empty text is null."""
    if name in ("title", "text"):
        return _texts(name, values, changes)
    if name == "images":
        return [_images(value) for value in values]
    if (plain := _plain(name, values)) is not None:
        return plain
    convert, is_usual = CONVERSIONS[name]
    made = [None if _is_empty(value) else convert(value) for value in values]
    unusual = [
        not _is_empty(value) and (new is None or not is_usual(value))
        for new, value in zip(made, values, strict=True)
    ]
    changes.count(name, made, unusual)
    return made


def _plain(name: str, values: Sequence[Any]) -> Sequence[Any] | None:
    """The values where all are as the schema has them, which is most often so; else None."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return values
    if name == "verified_purchase":
        return values if kinds == {bool} else None
    if name in ("asin", "parent_asin", "user_id"):
        return values if kinds == {str} and "" not in values else None
    if kinds == {str}:  # as CSV has numbers
        joined = "".join(value or "" for value in values)
        if not (joined.isascii() and joined.isdigit()):
            return None
        values = [int(value) if value else None for value in values]
    elif kinds != {int}:
        return None
    numbers = [value for value in values if value is not None]
    least, most = PLAIN_RANGES[name]
    return values if numbers and least <= min(numbers) and max(numbers) < most else None


def _texts(name: str, values: Sequence[Any], changes: Changes) -> Sequence[Any]:
    if {type(value) for value in values} <= {str, type(None)}:
        return values
    made = [value if isinstance(value, str) else to_text(value) for value in values]
    changes.count(name, made, [not (_is_empty(v) or isinstance(v, str)) for v in values])
    return made


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value != value  # NaN is not equal to itself


def _votes(value: Any) -> int | None:
    """A number of votes; of a pair, as 2014 has it, the first."""
    if isinstance(value, list | tuple) and len(value) == 2:
        value = value[0]
    return to_votes(value)


def _images(value: Any) -> Any:
    """A list as it is, be it written as JSON; all else is none."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def to_milliseconds(value: Any) -> int | None:
    """Milliseconds since 1970, UTC, of a date, an ISO 8601 text, seconds or milliseconds."""
    if isinstance(value, str) and (number := to_integer(value, bits=64)) is None:
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    elif isinstance(value, str):
        value = number
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    whole = to_integer(value, bits=64)
    if whole is None:
        return None
    milliseconds = whole * 1000 if abs(whole) < FIRST_MILLISECONDS else whole
    return milliseconds if abs(milliseconds) < LAST_MILLISECONDS else None


PLAIN_RANGES = {
    "timestamp": (FIRST_MILLISECONDS, LAST_MILLISECONDS),
    "helpful_vote": (0, 2**31),
}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, str) and value.lower() in ("true", "false")
    )


def _is_number(value: Any) -> bool:
    return type(value) is int or (isinstance(value, str) and value.strip().isdecimal())


# By field how a value is converted, and whether one needs no conversion worth a word.
CONVERSIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], bool]]] = {
    "asin": (to_text, _is_text),
    "parent_asin": (to_text, _is_text),
    "user_id": (to_text, _is_text),
    "timestamp": (to_milliseconds, lambda _: True),  # there is no usual way to write a time
    "helpful_vote": (_votes, _is_number),
    "verified_purchase": (to_boolean, _is_flag),
}
