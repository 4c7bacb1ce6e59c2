"""Curated rows to Parquet, the same bytes for the same rows."""

from collections.abc import Iterator
from typing import IO, Any

from reviews.refine import Refined

ROW_GROUP_ROWS = 1 << 15
COMPRESSION = "zstd(1)"
MADE_BY = "review-stars.made_by"  # where a file says by what it was made: see `Options.made_by`


def write(refined: Refined, file: IO[bytes]) -> None:
    """Write all batches to a file that can seek, a row group at a time.

    An error on the way is raised after the file was ended: it holds the rows before that place.
    """
    from arro3.core import RecordBatchReader
    from arro3.io import write_parquet

    errors: list[Exception] = []
    made_by = {MADE_BY: refined.made_by}  # one entry: of two arro3 shuffles the order
    schema = refined.schema.with_metadata(made_by)  # too: what pyarrow hands on when it rewrites
    write_parquet(
        RecordBatchReader.from_batches(schema, _until_error(refined, errors)),
        file,
        compression=COMPRESSION,
        dictionary_enabled=False,
        column_dictionary_enabled={"language": True},
        max_row_group_size=ROW_GROUP_ROWS,
        key_value_metadata=made_by,
    )
    if errors:
        raise errors[0]


def _until_error(refined: Refined, errors: list[Exception]) -> Iterator[Any]:
    """The batches; an error ends them (arro3 would raise another in its place)."""
    try:
        yield from refined
    except Exception as error:
        errors.append(error)
