"""What an audit found of one kind, as audit.json and findings.csv hold it."""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray


class FindingSummary(msgspec.Struct, frozen=True):
    """Counts of one kind. rows: each once. groups: of rows that belong together; largest: rows.

    not_looked_for: why nothing was looked for, else empty. expected: rows that chance alone would
    bring, where that can be told.
    """

    asks: str
    rows: int
    groups: int
    largest: int
    not_looked_for: str = ""
    expected: float | None = None


class AuditSummary(msgspec.Struct, frozen=True):
    """audit.json. drawn_from: rows that a sample was drawn from, 0 where all were read."""

    rows: int
    drawn_from: int
    findings: dict[str, FindingSummary]
    label_table: list[list[int]]  # (5, 5) doubtful rows, given by expected star


@dataclass(frozen=True)
class Finding:
    """Rows of one kind: their keys, stars, group (0, 1, …) and a value that says how sure.

    asks: what was looked for. not_looked_for, expected: as in FindingSummary.
    """

    asks: str
    review_key: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    rating: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    group: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    value: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    not_looked_for: str = ""
    expected: float | None = None

    def summary(self) -> FindingSummary:
        """The counts."""
        sizes = np.unique(self.group, return_counts=True)[1]
        return FindingSummary(
            asks=self.asks,
            rows=len(np.unique(self.review_key)),
            groups=len(sizes),
            largest=int(sizes.max(initial=0)),
            not_looked_for=self.not_looked_for,
            expected=self.expected,
        )
