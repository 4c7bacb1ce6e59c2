"""What a Parquet file says of itself in its footer: rows, bytes of each column, who made it.

The footer is Thrift's compact protocol (parquet.thrift: FileMetaData), read without touching a
row. arro3 gives rows only, and pyarrow would more than double the image.
"""

from pathlib import Path
from typing import Any, NamedTuple

from training.data.parquet import read_footer
from training.errors import DatasetError

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)
MAX_NESTED = 16  # a footer has six levels; a broken one could go on for ever


class Footer(NamedTuple):
    """rows: of the file. column_bytes: uncompressed, by column. metadata: what its maker added."""

    rows: int
    column_bytes: dict[str, int]
    metadata: dict[str, str]


def read(path: Path) -> Footer:
    """Read a file's footer. Raises DatasetError where it is none."""
    try:
        return _understand(_Thrift(read_footer(path)).struct())
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{path.name} has a footer that cannot be read") from error


def _understand(footer: dict[int, Any]) -> Footer:
    sizes: dict[str, int] = {}
    for group in footer[4]:  # row_groups
        for chunk in group[1]:  # columns
            about = chunk[3]  # meta_data: 3 path_in_schema, 6 total_uncompressed_size
            name = about[3][0].decode()
            sizes[name] = sizes.get(name, 0) + int(about[6])
    pairs = footer.get(5, [])  # key_value_metadata: 1 key, 2 value
    return Footer(int(footer[3]), sizes, {p[1].decode(): p[2].decode() for p in pairs if 2 in p})


class _Thrift:
    """A reader of Thrift's compact protocol: structs become dictionaries by field number."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place, self.depth = content, 0, 0

    def struct(self) -> dict[int, Any]:
        self.depth += 1
        if self.depth > MAX_NESTED:
            raise ValueError("nested too deep")
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != STOP:
            step, kind = head >> 4, head & 15
            number = number + step if step else self._signed()
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind)
        self.depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind in (I16, I32, I64):
            return self._signed()
        if kind == DOUBLE:
            return self._bytes(8)
        if kind == BINARY:
            return self._bytes(self._unsigned())
        if kind in (LIST, SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            return [self._value(head & 15) for _ in range(count)]
        if kind == STRUCT:
            return self.struct()
        raise ValueError("a map, or no kind at all: no footer has one")

    def _byte(self) -> int:
        value = self.content[self.place]
        self.place += 1
        return value

    def _bytes(self, count: int) -> bytes:
        if self.place + count > len(self.content):
            raise ValueError("ends too early")
        self.place += count
        return self.content[self.place - count : self.place]

    def _unsigned(self) -> int:
        value = shift = 0
        while (part := self._byte()) & 128:
            value |= (part & 127) << shift
            shift += 7
        return value | part << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)
