"""Counts what became of every line, so that none is lost unnoticed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reviews.errors import CountMismatchError
from reviews.record import SCHEMA_2023, Rejected, rating_of

# Keys of one run by which duplicates are found: 256 MiB of them, 384 while the table grows.
REMEMBERED_ROWS = 1 << 24


NEEDED = (
    "a line is a JSON object with `rating`, 1 to 5, and `text` (or `overall`, `reviewText`); "
    "`python -m reviews convert` makes such lines of other names and ways to write stars"
)
RECODE = "convert it first, from Latin-1 say (iconv -f WINDOWS-1252 -t UTF-8 FILE)"
RESCALE = "convert its ratings to 1 to 5"
FAULTY_SHARE = 0.1
FAULTY_ROWS = 2


def is_fault(wrong: int, rows: int) -> bool:
    """Whether so many that are wrong in one way show that the whole is wrong, and not some rows."""
    return wrong >= max(FAULTY_ROWS, FAULTY_SHARE * rows)


def off_scale(inside: int, *, above: int, below: int) -> str:
    """How many ratings lie on one side of 1 to 5, if that shows another scale; else nothing."""
    ratings = inside + above + below
    for count, place in ((above, "above 5"), (below, "below 1")):
        if is_fault(count, ratings):
            return f"{count:,} of {ratings:,} ratings are {place}"
    return ""


@dataclass(slots=True)
class Counts:
    """Lines by what became of them, and the kept rows by language and by stars.

    blank: lines of only white space, which are not `read`.
    unremembered: rows kept after the memory for duplicates was full: later copies of them are
    kept, too.
    trailing_bytes: bytes after a gzip file that are not gzip, and were not read.
    converted, nulled: by field, values of another type that were converted, or became null. The
    records that held them are read as all others.
    off_scale: ratings that were rejected as out of range, `above` 5 or `below` 1.
    schemas: kept rows by the schema of their line: 2023, 2018, 2014.
    """

    read: int = 0
    kept: int = 0
    duplicates: int = 0
    blank: int = 0
    unremembered: int = 0
    trailing_bytes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    ratings: Counter[str] = field(default_factory=Counter)
    converted: Counter[str] = field(default_factory=Counter)
    nulled: Counter[str] = field(default_factory=Counter)
    off_scale: Counter[str] = field(default_factory=Counter)
    schemas: Counter[str] = field(default_factory=Counter)

    def add_change(self, name: str, value: object) -> None:
        """Count a value that was converted to another one, or to null."""
        (self.nulled if value is None else self.converted)[name] += 1

    def add_rejected(self, rejected: Rejected) -> None:
        """Count a rejected line."""
        self.rejected[rejected.reason] += 1
        if rejected.reason == "rating_out_of_range":
            rating = rating_of(rejected.line)
            self.off_scale["above" if rating is not None and rating > 5 else "below"] += 1

    def fault(self) -> str:
        """Why a whole source cannot be what was meant, and what to do; else nothing."""
        rejected = self.rejected.total()
        if not self.read:
            return "holds no line but blank ones"
        if is_fault(undecodable := self.rejected["not_utf8"], self.read):
            return f"{undecodable:,} of {self.read:,} lines are not UTF-8: {RECODE}"
        if rejected == self.read:
            reasons = ", ".join(f"{name} {n:,}" for name, n in self.rejected.most_common())
            return f"none of {rejected:,} lines is a review ({reasons}): {NEEDED}"
        scale = {name: self.off_scale[name] for name in ("above", "below")}
        if description := off_scale(self.read - rejected, **scale):
            return f"{description}: {RESCALE}, the others were kept as they are"
        return ""

    def since(self, earlier: "Counts") -> "Counts":
        """What was counted after an earlier state of these counts."""
        names = self.__slots__
        return Counts(**{name: getattr(self, name) - getattr(earlier, name) for name in names})

    def adds_up(self) -> bool:
        """Whether every line read was kept, a duplicate, or rejected."""
        return (
            self.read == self.kept + self.duplicates + self.rejected.total()
            and self.kept == self.languages.total() == self.ratings.total()
            and self.kept == self.schemas.total()
        )

    def check(self) -> None:
        """Raise CountMismatchError if a line went missing."""
        if not self.adds_up():
            raise CountMismatchError(
                f"{self.read:,} lines were read, but {self.kept:,} kept, {self.duplicates:,} "
                f"duplicates and {self.rejected.total():,} rejected make "
                f"{self.kept + self.duplicates + self.rejected.total():,}"
            )

    def __iadd__(self, other: "Counts") -> "Counts":
        """Add the counts of another shard or source."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, each table in the order of its keys."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        for name, value in plain.items():
            if isinstance(value, Counter):
                plain[name] = dict(sorted(value.items()))
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Counts":
        """Read what `to_dict` gave; unknown names are ignored, absent ones are zero.

        Counts without `schemas` are of code that read the schema of 2023 alone.
        """
        counts = cls()
        for name in cls.__slots__:
            if name in plain:
                kind = type(getattr(counts, name))
                setattr(counts, name, kind(plain[name]))
        if "schemas" not in plain and counts.kept:
            counts.schemas[SCHEMA_2023] = counts.kept
        return counts
