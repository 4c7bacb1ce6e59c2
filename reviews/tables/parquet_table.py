"""Parquet files; pyarrow reads them, which no Lambda function carries."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reviews.errors import ConfigurationError, UnreadableSourceError
from reviews.tables.table import BATCH_ROWS, Batch

DAMAGED = "it is damaged or cut off, and cannot be read as Parquet: get the whole file again"


class ParquetTable:
    """Rows of a Parquet file, a row group at a time. place: the number of a row, from 1."""

    place = "row"
    form = "Parquet"

    def __init__(self, path: Path) -> None:
        """Raises UnreadableSourceError where its footer cannot be read."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError:
            raise ConfigurationError(
                "Parquet is read by pyarrow, which is not here: run it where `make setup` was"
            ) from None
        self._broken = (pa.ArrowException, OSError, EOFError)
        try:
            self._file = pq.ParquetFile(path)
            self._schema: Any = self._file.schema_arrow
        except self._broken:
            raise UnreadableSourceError(DAMAGED) from None
        self.names = list(self._schema.names)

    def nested(self, column: int) -> str:
        """What the column's values are if no single values."""
        import pyarrow as pa

        kind = self._schema.field(column).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not pa.types.is_nested(kind):
            return ""
        return str(kind).partition("<")[0].removeprefix("large_")  # list, struct, map

    def batches(self, columns: Sequence[int]) -> Iterator[Batch]:
        """See `Table.batches`."""
        wanted = [self.names[column] for column in columns]
        first = 1
        try:
            for found in self._file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                values = [_values(found.column(name)) for name in wanted]
                yield Batch([*values], range(first, first + found.num_rows))
                first += found.num_rows
        except self._broken:
            raise UnreadableSourceError(f"{DAMAGED} (row {first:,} is the first lost)") from None


def _values(column: Any) -> Sequence[Any]:
    """Plain Python values; bytes as the text that they are, if they are one."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values: list[Any] = column.to_pylist()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return [v and v.decode("utf-8", "surrogateescape") for v in values]
    return values
