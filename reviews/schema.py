"""The data dictionary: every column that curated data can have."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from reviews.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Column:
    """One column. kind: Arrow type. values: range. null: when it is null, or an empty string."""

    name: str
    kind: str
    values: str
    null: str
    kept: bool
    why: str


COLUMNS = (
    Column("rating", "int8", "1 to 5", "", True, "the label"),
    Column("title", "string", "cleaned; empty where there was none", "", True, "model input"),
    Column("text", "string", "cleaned, never empty", "", True, "model input"),
    Column(
        "verified_purchase",
        "bool",
        "true, false",
        "where the source does not say",
        True,
        "model input; slice",
    ),
    Column(
        "helpful_vote",
        "int32",
        "any 32-bit integer",
        "where the source does not say",
        True,
        "for people who look at the data",
    ),
    Column(
        "language",
        "string",
        "ISO 639 code; und: too short to detect (not learned from where the words are of another "
        "language); mis: of a script without a code here",
        "",
        True,
        "which rows are learned from; slice",
    ),
    Column(
        "language_confidence",
        "float32",
        "0 to 1",
        "where the certain-English test or the script decided, and for und",
        True,
        "to look at doubtful rows",
    ),
    Column(
        "markup",
        "bool",
        "whether the raw words held a tag or an entity",
        "",
        True,
        "drift of the source",
    ),
    Column("bucket", "uint8", "0 to 99, hash of user_id or text", "", True, "hold-out and folds"),
    Column("review_key", "uint64", "hash of the row", "", True, "copies across shards"),
    Column("asin", "string", "as it came", "absent", False, "a product is no input"),
    Column(
        "parent_asin",
        "string",
        "as it came",
        "absent or no string",
        False,
        "a product is no input",
    ),
    Column("images", "string", "JSON as it came", "absent", False, "words are the input"),
    Column(
        "timestamp",
        "int64",
        "milliseconds since 1970, UTC",
        "absent or no 64-bit integer",
        False,
        "time is no input",
    ),
    Column("user_id", "string", "as it came", "absent", False, "a person is no input"),
)
DEFAULT_COLUMNS = tuple(column.name for column in COLUMNS if column.kept)
OPTIONAL_COLUMNS = tuple(column.name for column in COLUMNS if not column.kept)


def columns(keep: Collection[str] = ()) -> tuple[Column, ...]:
    """The columns of curated data, the default ones and those of `keep`, in dictionary order.

    Raises ConfigurationError for a name that is not in the dictionary.
    """
    if unknown := sorted(set(keep) - {column.name for column in COLUMNS}):
        raise ConfigurationError(
            f"no such column: {', '.join(unknown)}; there are {', '.join(OPTIONAL_COLUMNS)}"
        )
    return tuple(column for column in COLUMNS if column.kept or column.name in keep)


def arrow_schema(keep: Collection[str] = ()) -> Any:
    """The arro3 schema of curated data."""
    from arro3.core import DataType, Field, Schema

    return Schema(
        [
            Field(column.name, getattr(DataType, column.kind)(), nullable=bool(column.null))
            for column in columns(keep)
        ]
    )
