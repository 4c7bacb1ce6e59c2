"""Curated rows to Parquet, the same bytes for the same rows."""

from collections.abc import Iterator
from typing import IO, Any

from reviews.provenance import PROVENANCE_KEY
from reviews.refine import Refined

ROW_GROUP_ROWS = 1 << 15
COMPRESSION = "zstd(1)"


def write(refined: Refined, file: IO[bytes]) -> None:
    """Write all batches to a file that can seek, a row group at a time.

    An error on the way is raised after the file was ended: it holds the rows before that place,
    unless it is the file itself that can take no more (OSError).
    """
    from arro3.core import RecordBatchReader
    from arro3.io import write_parquet

    errors: list[Exception] = []
    # One entry: of two arro3 shuffles the order. In the schema, too: pyarrow keeps that when it
    # writes the rows again.
    metadata = {PROVENANCE_KEY: refined.provenance.to_json()}
    schema = refined.schema.with_metadata(metadata)
    guarded = _Guarded(file)
    write_parquet(
        RecordBatchReader.from_batches(schema, _until_error(refined, errors, guarded)),
        guarded,
        compression=COMPRESSION,
        dictionary_enabled=False,
        column_dictionary_enabled={"language": True},
        max_row_group_size=ROW_GROUP_ROWS,
        key_value_metadata=metadata,
    )
    if guarded.error:
        raise guarded.error
    if errors:
        raise errors[0]


def _until_error(refined: Refined, errors: list[Exception], guarded: "_Guarded") -> Iterator[Any]:
    """The batches; an error ends them (arro3 would raise another in its place)."""
    try:
        for batch in refined:
            if guarded.error:
                return
            yield batch
    except Exception as error:
        errors.append(error)


class _Guarded:
    """A file that keeps its error: arro3 would panic, which no `except Exception` catches."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write; after an error only say so."""
        if self.error is None:
            try:
                return self._file.write(data)
            except OSError as error:
                self.error = error
        return len(data)

    def flush(self) -> None:
        """Write what waits, too."""
        if self.error is None:
            try:
                self._file.flush()
            except OSError as error:
                self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
