"""A chunk's reviews to Arrow columns."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import nanoarrow
from arro3.core import Array, DataType
from numpy.typing import NDArray

from reviews.bulk.clean import Joined
from reviews.record import OnChange
from reviews.rules import extra_values

Column = Any  # an arro3 Array
FIELDS: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple


def from_numpy(values: NDArray[Any]) -> Column:
    """A column without nulls."""
    return Array.from_numpy(values)


def from_python(values: Iterable[Any], kind: str) -> Column:
    """A column of Python values; None is null."""
    return Array(list(values), getattr(DataType, kind)())


def from_joined(joined: Joined, first: int, end: int) -> Column:
    """A string column of some of the strings, without copying them."""
    offsets = joined.offsets[first : end + 1]
    parts: list[Any] = [None, offsets, joined.data]
    return Array.from_arrow(nanoarrow.c_array_from_buffers(nanoarrow.string(), end - first, parts))


def extra_columns(
    reviews: list[Any], names: Iterable[str], schema: Any, on_change: OnChange
) -> dict[str, Column]:
    """Columns that are kept on request only, of the reviews of a chunk."""
    values = [extra_values(review, on_change) for review in reviews]
    return {
        name: Array([value[name] for value in values], schema.field(name).type) for name in names
    }
