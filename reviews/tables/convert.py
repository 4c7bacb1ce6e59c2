"""A file of any known form to JSON Lines of the schema of 2023, a line a row."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from isal import igzip

from reviews.almost_json import BOM
from reviews.counts import RESCALE, is_fault
from reviews.errors import ConfigurationError, UnreadableSourceError
from reviews.file_kind import HEAD_BYTES, Form, is_document, kind_of_file, wide_encoding
from reviews.limits import MAX_LINE_BYTES
from reviews.record import Rejected, read_record
from reviews.source import plain_pieces
from reviews.tables.delimited import DelimitedTable, lines_of
from reviews.tables.json_table import (
    JsonTable,
    read_object,
    records_of_array,
    records_of_lines,
)
from reviews.tables.mapping import FIELDS, Given, describe, match, show_column
from reviews.tables.parquet_table import ParquetTable
from reviews.tables.stars import read_stars
from reviews.tables.table import Batch, Table
from reviews.tables.values import DATE, NO_STARS, Changes, RatingReader, read_field

GZIP_LEVEL = 1  # the file is read once more, and then not needed
SUFFIXES = (".jsonl", ".jsonl.gz")
NESTED_FIELDS = ("images", "helpful_vote")  # a list may stand there
UTF_8, WINDOWS = "utf-8-sig", "windows-1252"
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".psv")
HEAD_LINES = 50
NEEDED_NAMES = (("rating", "text"), ("overall", "reviewText"))
WHOLE_STARS = (1.0, 2.0, 3.0, 4.0, 5.0)


class ConvertedReview(msgspec.Struct, gc=False):
    """A line of the schema of 2023; a rating that says no number stands as it was."""

    rating: float | str | None
    title: str | None = None
    text: str | None = None
    images: list[Any] | None = None
    asin: str | None = None
    parent_asin: str | None = None
    user_id: str | None = None
    timestamp: int | None = None
    helpful_vote: int | None = None
    verified_purchase: bool | None = None


@dataclass(slots=True)
class Conversion:
    """What became of a file.

    rows: lines written. form, columns: what the file is, and which column is which field, in words.
    unusable: by reason, rows that preprocessing will set aside. changes: values that were
    converted, or became null, by field.
    """

    form: str
    columns: str
    rows: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    changes: Changes = field(default_factory=Changes)

    def lines(self) -> list[str]:
        """What a person wants to know."""
        said = [f"{self.form}; {self.columns}"]
        unusable = self.unusable.total()
        rows = f"{self.rows:,} rows = {self.rows - unusable:,} whole + {unusable:,} to be rejected"
        said.append(f"{rows} ({_counted(self.unusable)})" if unusable else rows)
        for words, counted in (
            ("converted", self.changes.converted),
            ("made null", self.changes.nulled),
        ):
            if counted.total():
                said.append(f"{words}: {_counted(counted)}")
        return said


def convert_file(
    path: Path,
    out: Path,
    *,
    mapping: Given | None = None,
    separator: str | None = None,
    encoding: str | None = None,
) -> Conversion:
    """Convert a file; `out` is there when it is whole, compressed if it is named so.

    mapping: by field the column that a person names. separator, encoding: of text, where they
    cannot be found out.
    Raises UnreadableSourceError with the file and the place in it, MappingError, and
    ConfigurationError for arguments that cannot be meant.
    """
    if not out.name.endswith(SUFFIXES):
        raise ConfigurationError(f"{out}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if out.exists() and path.exists() and out.samefile(path):
        raise ConfigurationError(f"{out} is the file that is to be read: name another")
    if not path.is_file():
        is_there = "is no file" if path.exists() else "there is no such file"
        raise UnreadableSourceError(f"{path}: {is_there}; name a file of reviews")
    try:
        with ExitStack() as stack:
            table = open_table(path, stack, separator=separator, encoding=encoding)
            places = match(table.names, mapping or {}, str(path))
            if isinstance(table, DelimitedTable) and _is_headless(table, places):
                table.put_back_header()
            _refuse_nested(table, places)
            conversion = Conversion(table.form, describe(table.names, places))
            with _written_whole(out) as file:
                _Converter(table, places, conversion).write(file)
    except UnreadableSourceError as error:
        raise UnreadableSourceError(f"{path}: {error}") from None
    except UnicodeError as error:
        name = encoding or getattr(error, "encoding", "")
        raise UnreadableSourceError(
            f"{path}: it is no text in {name}: say what it is (--encoding)"
        ) from None
    return conversion


def needs_conversion(path: Path) -> bool:
    """Whether the worker cannot read a file as it is, and `convert_file` may.

    So is JSON Lines whose first records have the names of none of our schemas, or stars as texts.
    Raises UnreadableSourceError where it cannot be read.
    """
    if kind := kind_of_file(path):
        return kind.form is not None
    if path.name.removesuffix(".gz").endswith(TABLE_SUFFIXES):
        return True
    with path.open("rb") as file:
        head = next(plain_pieces(file), b"").removeprefix(BOM)
    records = list(filter(None, map(read_object, head.split(b"\n")[:HEAD_LINES])))
    return bool(records) and not any(map(_is_readable, records))


def _is_readable(record: Mapping[str, Any]) -> bool:
    """Whether the worker may take a record: it has names of a schema and a number of stars."""
    return any(
        isinstance(record.get(rating), int | float) and text in record
        for rating, text in NEEDED_NAMES
    )


def open_table(
    path: Path, stack: ExitStack, *, separator: str | None = None, encoding: str | None = None
) -> Table:
    """The table that a file holds. Raises UnreadableSourceError where it holds none."""
    kind = kind_of_file(path)
    if kind and kind.form is None:
        raise UnreadableSourceError(f"this is {kind.description}: {kind.remedy}")
    if kind and kind.form is Form.PARQUET:
        return ParquetTable(path)
    raw = _PieceStream(plain_pieces(stack.enter_context(path.open("rb"))))
    source = stack.enter_context(io.BufferedReader(raw, HEAD_BYTES))
    encoding = encoding or wide_encoding(source.peek(HEAD_BYTES)) or UTF_8
    if encoding.lower() in ("utf-8", "utf8"):
        encoding = UTF_8
    try:
        text = io.TextIOWrapper(source, encoding, "surrogateescape", newline="")
    except LookupError:
        raise ConfigurationError(f"there is no encoding {encoding!r}") from None
    stack.callback(text.close)
    table = _text_table(text, separator)
    table.form += "" if encoding == UTF_8 else f", in {encoding}"
    return table


def _text_table(text: io.TextIOWrapper, separator: str | None) -> Table:
    """The table of a text, by its first sign."""
    head = text.read(HEAD_BYTES)
    head += text.readline(MAX_LINE_BYTES)
    first, _, second = head.lstrip().partition("\n")
    match first[:1]:
        case "":
            raise UnreadableSourceError("it holds nothing but blanks: name another file")
        case "[":
            return JsonTable(records_of_array(_encoded(head + text.read())), "a JSON array", "row")
        case "{" if _is_document(first, second):
            return JsonTable(records_of_array(_encoded(head + text.read())), "JSON", "row")
        case "{":
            lines = map(_encoded, chain(lines_of(head), text))
            return JsonTable(records_of_lines(lines), "JSON Lines", "line")
    return DelimitedTable(chain(lines_of(head), text), head, separator=separator)


def _is_document(first: str, second: str) -> bool:
    """Whether what begins so is one object that holds the records, on one line or on several."""
    if is_document(_encoded(first.rstrip()), _encoded(second.lstrip())):
        return True
    values = [] if second.strip() else list((read_object(_encoded(first)) or {}).values())
    return (
        sum(isinstance(value, list) and isinstance((*value, 0)[0], dict) for value in values) == 1
    )


def _encoded(text: str) -> bytes:
    """In UTF-8; bytes that were no text as they were."""
    return text.encode("utf-8", "surrogateescape")


def _is_headless(table: Table, places: Mapping[str, int]) -> bool:
    """Whether the first row holds stars where the column of the stars should have its name."""
    return "rating" in places and read_stars(table.names[places["rating"]]) is not None


def _refuse_nested(table: Table, places: Mapping[str, int]) -> None:
    for name, place in places.items():
        kind = table.nested(place)
        if kind and name not in NESTED_FIELDS:
            raise UnreadableSourceError(
                f"{show_column(table.names, place)} is to be `{name}` and holds a {kind} in each "
                "row: write what is meant into a column of its own, and name it in a mapping file"
            )


class _Converter:
    """Writes the rows of a table as lines, and judges the whole at the end."""

    def __init__(self, table: Table, places: Mapping[str, int], conversion: Conversion) -> None:
        self._table = table
        self._places = places
        self._conversion = conversion
        self._ratings = RatingReader()
        self._encoder = msgspec.json.Encoder()
        self._odd = self._undecodable = 0
        self._first_odd = self._first_undecodable = 0

    def write(self, file: BinaryIO) -> None:
        """Write all rows. Raises UnreadableSourceError where they cannot be what was meant."""
        for batch in self._table.batches(list(self._places.values())):
            if batch.columns:
                self._write_rows(batch, file)
            for place, raw in batch.odd:
                self._write_odd(place, raw, file)
        if fault := self._fault():
            raise UnreadableSourceError(fault)

    def _write_rows(self, batch: Batch, file: BinaryIO) -> None:
        values = dict(zip(self._places, batch.columns, strict=True))
        n = len(batch.columns[0])
        columns: list[Sequence[Any]] = []
        for name in FIELDS:
            if name not in values:
                columns.append([None] * n)
            elif name == "rating":
                columns.append(self._ratings.read(values[name], batch.places))
            else:
                columns.append(read_field(name, values[name], self._conversion.changes))
        rows = [ConvertedReview(*row) for row in zip(*columns, strict=True)]
        self._conversion.rows += n
        self._count_unusable(rows)
        try:
            file.write(self._encoder.encode_lines(rows))
        except UnicodeEncodeError:
            for place, row in zip(batch.places, rows, strict=True):
                file.write(self._encode_one(place, row))

    def _encode_one(self, place: int, row: ConvertedReview) -> bytes:
        """A line; where the row is not UTF-8 neither is the line, and no byte is lost."""
        try:
            return self._encoder.encode(row) + b"\n"
        except UnicodeEncodeError:
            self._undecodable += 1
            self._first_undecodable = self._first_undecodable or place
            if not unusable_reason_of(row):
                self._conversion.unusable["not_utf8"] += 1
            text = json.dumps(msgspec.structs.asdict(row), ensure_ascii=False)
            return _encoded(text) + b"\n"

    def _count_unusable(self, rows: Sequence[ConvertedReview]) -> None:
        is_rated = "rating" in self._places
        for row in rows:
            if (is_rated and row.rating not in WHOLE_STARS) or not row.text:
                self._conversion.unusable[unusable_reason_of(row)] += 1

    def _write_odd(self, place: int, raw: bytes, file: BinaryIO) -> None:
        """What is no row: a line of JSON as it stands, all else where its words are kept."""
        self._odd += 1
        self._first_odd = self._first_odd or place
        if not isinstance(self._table, JsonTable):
            text = raw.decode("utf-8", "surrogateescape")
            raw = _encoded(
                json.dumps({"rating": None, "text": None, "row": text}, ensure_ascii=False)
            )
        found = read_record(raw)
        self._conversion.rows += 1
        self._conversion.unusable[found.reason if isinstance(found, Rejected) else "no row"] += 1
        file.write(raw + b"\n")

    def _fault(self) -> str:
        """Why the whole cannot be what was meant, and what to do; else nothing."""
        made, place = self._conversion, self._table.place
        if not made.rows:
            return "it has a header and no row: name another file"
        if is_fault(self._undecodable, made.rows):
            return (
                f"{self._undecodable:,} of {made.rows:,} rows are not UTF-8 ({place} "
                f"{self._first_undecodable:,} is the first): say their encoding, such as "
                f"--encoding {WINDOWS}"
            )
        if is_fault(self._odd, made.rows):
            return (
                f"{self._odd:,} of {made.rows:,} rows do not have the columns of the header "
                f"({place} {self._first_odd:,} is the first): say what separates them "
                "(--separator), or mend their quotes"
            )
        if "rating" in self._places and (fault := self._rating_fault()):
            return fault
        if made.unusable.total() == made.rows:
            return f"none of {made.rows:,} rows can be used ({_counted(made.unusable)})"
        return ""

    def _rating_fault(self) -> str:
        """Why the column of the stars cannot be what was meant; else nothing."""
        made, found, place = self._conversion, self._ratings.found, self._table.place
        column = show_column(self._table.names, self._places["rating"])
        if problem := found.scale_problem:
            return f"{column} is on another scale, {problem}: {RESCALE}"
        for kind, words in ((DATE, "dates"), (NO_STARS, "no stars")):
            if is_fault(found.other[kind], made.rows):
                return (
                    f"{found.other[kind]:,} of {made.rows:,} values of {column} are {words} "
                    f"({place} {found.first[kind]:,} is the first): name the column of the stars "
                    "in a mapping file (--mapping FILE)"
                )
        return ""


def unusable_reason_of(row: ConvertedReview) -> str:
    """Why preprocessing will set a row aside, as far as it can be seen; else nothing."""
    if row.rating is None or row.text is None:
        return "missing_field"
    if isinstance(row.rating, str) or row.rating % 1:
        return "wrong_type"
    if not 1 <= row.rating <= 5:
        return "rating_out_of_range"
    return "" if row.text.strip() else "no_text"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()) if n)


@contextmanager
def _written_whole(out: Path) -> Iterator[BinaryIO]:
    """A file to write to that is there when all is written, and not at all after an error."""
    unfinished = out.with_name(f"{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            file: Any = stack.enter_context(unfinished.open("wb"))
            if out.name.endswith(".gz"):
                # No name and no time: both would stand in the bytes.
                file = stack.enter_context(igzip.IGzipFile("", "wb", GZIP_LEVEL, file, mtime=0))
            yield file
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


class _PieceStream(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
