"""Parquet in batches, with one error for whatever may be wrong with a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.errors import DatasetError

MAGIC = b"PAR1"
MIN_BYTES = 12  # magic, length of the footer, magic


def read_batches(path: Path, batch_rows: int) -> Iterator[Any]:
    """The arro3 batches of a file, in constant memory. Raises DatasetError naming it."""
    from arro3.io import read_parquet

    read_footer(path)
    try:
        yield from read_parquet(str(path), batch_size=batch_rows)
    except (GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # arro3 panics on some broken files: that is no Exception
        raise DatasetError(f"{path.name} cannot be read: {type(error).__name__}") from error


def read_footer(path: Path) -> bytes:
    """The bytes of a file's footer. Raises DatasetError where it is no whole Parquet file."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC)) == MAGIC
            size = file.seek(0, 2)
            file.seek(max(0, size - 8))
            length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
            if begins and magic == MAGIC and MIN_BYTES <= length + MIN_BYTES <= size:
                file.seek(size - 8 - length)
                return file.read(length)
    except OSError:
        pass  # reported below, like any other file that is not whole
    raise DatasetError(f"{path.name} is no whole Parquet file")
