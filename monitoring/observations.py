"""Observations of scored reviews: one JSON line each outside, columns inside.

The endpoint makes the model's part (what it saw of one review, never its words); the ratings
Lambda adds who asked and when. Train makes the baseline from the same columns.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from monitoring.errors import ObservationsError
from monitoring.lines import read_lines, require_records
from reviews.verified import CODES, VALUES

FloatArray = NDArray[np.float32]
ROUNDING = 1e-3  # float32 arithmetic may leave 5.0000005 expected stars
Moment = Annotated[datetime, Meta(tz=True)]  # ISO 8601 with its zone; ours are UTC
MAX_COORDINATE = 1e3  # ours lie within 1: a foreign one would outweigh a whole window
Coordinate = Annotated[float, Meta(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]
Share = Annotated[float, Meta(ge=0.0, le=1.0 + ROUNDING)]


class ModelObservation(msgspec.Struct, frozen=True):
    """What the model saw of one review, never its words: the endpoint's part of an observation."""

    stars: Annotated[int, Meta(ge=1, le=5)]
    expected_stars: Annotated[float, Meta(ge=1.0 - ROUNDING, le=5.0 + ROUNDING)]
    confidence: Share
    language: str
    supported: bool
    length: Annotated[int, Meta(ge=0, le=2**31 - 1)]  # characters of the cleaned text
    oov_share: Share  # tokens of the text that the model does not know
    markup: bool  # the raw words held a tag or an entity
    topics: list[Coordinate]  # of the text in the model's SVD space
    verified_purchase: bool | None = None


class Observation(ModelObservation, frozen=True):
    """One scored review, with what the ratings Lambda adds: who asked, when, and of which model."""

    request_id: str = ""
    index: int = 0  # place in the batch
    time: Moment | None = None
    caller: str = ""
    probe: bool = False  # golden set, smoke test or our own probe: counts in no window
    model_version: str = ""
    model_package_arn: str = ""


@dataclass(frozen=True)
class Observations:
    """Columns of n observations, row i in each of the same review. Checked when made.

    stars: (n,) 1 to 5. expected_stars: (n,) 1.0 to 5.0. confidence, oov_share: (n,) 0 to 1.
    language: (n,) codes such as `en`, `und` where too short to tell. length: (n,) characters.
    supported, markup: (n,) bool. topics: (n, d) coordinates in the model's SVD space.
    verified_purchase: (n,) codes of `reviews.verified`.
    unreadable: lines that were no observation and were left out, by reason.
    Raises ObservationsError for columns of unlike lengths, a value that is not finite, or stars
    out of range.
    """

    stars: NDArray[np.int8]
    expected_stars: FloatArray
    confidence: FloatArray
    language: NDArray[np.str_]
    supported: NDArray[np.bool_]
    length: NDArray[np.int32]
    oov_share: FloatArray
    markup: NDArray[np.bool_]
    topics: FloatArray
    verified_purchase: NDArray[np.int8]
    unreadable: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, dtype in COLUMNS.items():
            object.__setattr__(self, name, _column(getattr(self, name), dtype))
        lengths = {name: len(getattr(self, name)) for name in COLUMNS}
        if len(set(lengths.values())) > 1:
            raise ObservationsError(f"columns differ in length: {lengths}")
        if self.topics.ndim != 2:
            raise ObservationsError(f"topics must be (n, d), not {self.topics.shape}")
        for name in ("expected_stars", "confidence", "oov_share", "topics"):
            if not np.isfinite(getattr(self, name)).all():
                raise ObservationsError(f"{name} holds a value that is not finite")
        if len(self.stars) and not 1 <= self.stars.min() <= self.stars.max() <= 5:
            raise ObservationsError("stars must lie from 1 to 5")

    def __len__(self) -> int:
        return len(self.stars)

    def take(self, rows: ArrayLike) -> "Observations":
        """The named rows, by position or by mask, in the order given."""
        chosen = np.asarray(rows)
        return replace(self, **{name: getattr(self, name)[chosen] for name in COLUMNS})

    @classmethod
    def from_records(
        cls, records: Sequence[Observation], unreadable: Mapping[str, int] | None = None
    ) -> "Observations":
        """Columns of records, in order. All must have topics of one width."""
        columns = {
            item.name: [getattr(record, item.name) for record in records]
            for item in fields(cls)
            if item.name in COLUMNS
        }
        widths = {len(topics) for topics in columns["topics"]}
        if len(widths) > 1:
            raise ObservationsError(f"topics have several widths: {sorted(widths)}")
        width = widths.pop() if widths else 0
        topics = np.asarray(columns.pop("topics"), np.float32).reshape(len(records), width)
        columns["verified_purchase"] = [CODES[value] for value in columns["verified_purchase"]]
        return cls(**columns, topics=topics, unreadable=unreadable or {})  # type: ignore[arg-type]

    def records(self) -> list[ModelObservation]:
        """The model's part of each row, ready to be written as JSON lines."""
        columns = [getattr(self, name).tolist() for name in COLUMNS]
        columns[-1] = [VALUES[code] for code in columns[-1]]  # verified_purchase
        return [ModelObservation(*row) for row in zip(*columns, strict=True)]


COLUMNS: dict[str, type[np.generic]] = {
    "stars": np.int8,
    "expected_stars": np.float32,
    "confidence": np.float32,
    "language": np.str_,
    "supported": np.bool_,
    "length": np.int32,
    "oov_share": np.float32,
    "markup": np.bool_,
    "topics": np.float32,
    "verified_purchase": np.int8,
}


def read_records(lines: Iterable[bytes]) -> tuple[list[Observation], Counter[str]]:
    """Observations of the lines that hold one, in order, and how many hold none, by reason."""
    return read_lines(lines, Observation)


def keep_width(
    records: Sequence[Observation], width: int | None = None
) -> tuple[list[Observation], Counter[str]]:
    """Records with so many topic coordinates, and how many others there are, by reason.

    width: the baseline's; without one, what most records have. No test could use the others.
    """
    widths = Counter(len(record.topics) for record in records)
    if width is None:
        width = max(widths, key=lambda found: (widths[found], found), default=0)
    others = {
        f"`topics`: {found} coordinates instead of {width}": rows
        for found, rows in widths.items()
        if found != width
    }
    kept = [record for record in records if len(record.topics) == width]
    return kept, Counter(others)


def read_jsonl(source: Path | Iterable[bytes]) -> Observations:
    """Observations of a JSONL file or of its lines; what is no observation is counted apart.

    Raises ObservationsError when there are lines and not one of them is an observation, and
    OSError when the file cannot be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as lines:
            records, unreadable = read_records(lines)
    else:
        records, unreadable = read_records(source)
    require_records(records, unreadable, "an observation")
    kept, others = keep_width(records)
    return Observations.from_records(kept, unreadable + others)


def write_jsonl(path: Path, observations: Observations) -> None:
    """Write the model's part of each row as one JSON line, in order."""
    with path.open("wb") as file:
        for record in observations.records():
            file.write(msgspec.json.encode(record) + b"\n")


def _column(values: ArrayLike, dtype: type[np.generic]) -> NDArray[np.generic]:
    try:
        return np.asarray(values).astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise ObservationsError(f"a column cannot be read as {dtype.__name__}") from error
