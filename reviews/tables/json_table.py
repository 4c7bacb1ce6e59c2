"""JSON: an array of records, a document that holds one, or a record a line, of any names."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from reviews.almost_json import BOM, from_literal, is_literal, repair
from reviews.errors import UnreadableSourceError
from reviews.limits import MAX_LINE_BYTES
from reviews.record import is_blank
from reviews.tables.table import BATCH_ROWS, Batch

LOOKED_AT = 1000  # records whose names are columns
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_array = msgspec.json.Decoder(list[msgspec.Raw])
_document = msgspec.json.Decoder(dict[str, msgspec.Raw])
_record = msgspec.json.Decoder(dict[str, Any])


class JsonTable:
    """Records; a column is a name that some of the first have."""

    def __init__(self, records: Iterable[tuple[int, bytes]], form: str, place: str) -> None:
        """records: each in JSON, with its place.

        Raises UnreadableSourceError where none of the first is an object with names.
        """
        self.form, self.place = form, place
        records = iter(records)
        first = list(islice(records, LOOKED_AT))
        names: dict[str, None] = {}
        nested: dict[str, str] = {}
        for _, raw in first:
            record = read_object(raw) or {}
            names |= dict.fromkeys(record)
            nested |= {
                name: "list" if isinstance(value, list) else "object"
                for name, value in record.items()
                if isinstance(value, list | dict)
            }
        if not names:
            raise UnreadableSourceError(
                "it holds no object with stars and a text: name another file"
            )
        self.names, self._nested = list(names), nested
        self._records = chain(first, records)

    def nested(self, column: int) -> str:
        """What the column's values are if no single values, in one of the first records."""
        return self._nested.get(self.names[column], "")

    def batches(self, columns: Sequence[int]) -> Iterator[Batch]:
        """See `Table.batches`."""
        wanted = [self.names[column] for column in columns]
        while some := list(islice(self._records, BATCH_ROWS)):
            rows, places, odd = [], [], []
            for place, raw in some:
                if (record := read_object(raw)) is None:
                    odd.append((place, raw))
                else:
                    rows.append([record.get(name) for name in wanted])
                    places.append(place)
            yield Batch(list(zip(*rows, strict=True)), places, odd)


def records_of_array(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of an array, each on one line. Raises UnreadableSourceError where it is none."""
    found = _elements(data.removeprefix(BOM).strip())
    return ((number, _one_line(bytes(raw))) for number, raw in enumerate(found, start=1))


def records_of_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank; one that is too long comes cut, and is no JSON then."""
    for number, line in enumerate(lines, start=1):
        line = line.rstrip(b"\r\n")[: MAX_LINE_BYTES + 1].removeprefix(BOM)
        if not is_blank(line):
            yield number, line


def _elements(data: bytes) -> list[msgspec.Raw]:
    """The array itself, or the only one of a document."""
    try:
        if data.startswith(b"["):
            return _array.decode(data)
        lists = [raw for raw in _document.decode(data).values() if bytes(raw)[:1] == b"["]
    except NO_JSON as error:
        raise UnreadableSourceError(
            f"it is no JSON from its beginning to its end ({_where(error)}): get the whole file "
            "again, or write one object a line (jq -c .)"
        ) from None
    if len(lists) != 1:
        raise UnreadableSourceError(
            f"it is one JSON object with {len(lists)} lists, not one list of records: write one "
            "object a line (jq -c)"
        )
    return _array.decode(lists[0])


def _where(error: Exception) -> str:
    """msgspec names bytes and types, and no values."""
    return str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__


def _one_line(raw: bytes) -> bytes:
    """A value without newlines between its parts; inside texts JSON has none."""
    return raw.replace(b"\n", b" ").replace(b"\r", b" ")


def read_object(raw: bytes) -> dict[str, Any] | None:
    """A record; None where it is no object of JSON."""
    if is_literal(raw):
        raw = from_literal(raw)
    try:
        return _record.decode(raw)
    except NO_JSON:
        pass
    try:
        return _record.decode(repair(raw))
    except NO_JSON:
        return None
