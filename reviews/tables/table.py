"""What every kind of table gives: its columns' names, and the values of some of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

BATCH_ROWS = 4096


@dataclass(slots=True)
class Batch:
    """Some rows. columns: the values of each column that was asked for. places: of the rows.

    odd: what is no row of the table, as it stands in the file, with its place.
    """

    columns: list[Sequence[Any]]
    places: Sequence[int]
    odd: list[tuple[int, bytes]] = field(default_factory=list)


class Table(Protocol):
    """A table that is read once, in constant memory where its form allows that.

    form: in words. names: of the columns. place: what a row's number counts: line or row.
    """

    form: str
    names: list[str]
    place: str

    def nested(self, column: int) -> str:
        """What the column's values are if no single values, such as a list; else nothing."""

    def batches(self, columns: Sequence[int]) -> Iterator[Batch]:
        """The values of these columns. Raises UnreadableSourceError where the file ends badly."""
