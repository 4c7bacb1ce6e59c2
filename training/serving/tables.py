"""Files of reviews, raw or curated, JSONL or Parquet, row by row; and predictions as Parquet."""

import base64
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from reviews.almost_json import BOM, repair
from reviews.file_kind import HEAD_BYTES, check_file, kind_of
from reviews.gunzip import GZIP_MAGIC
from reviews.limits import MAX_LINE_BYTES
from reviews.record import Rejected, convert_raw, is_blank, read_earlier, read_record
from reviews.verified import CODES
from training.data.parquet import MAGIC, read_batches
from training.errors import ConfigurationError, DatasetError, UnreadableSourceError
from training.model.answer import Prepared

BATCH_ROWS = 1024
SUFFIXES = {".jsonl": "jsonl", ".json": "jsonl", ".jsonl.gz": "jsonl.gz", ".parquet": "parquet"}


@dataclass(frozen=True)
class Raw:
    """A review as it was written."""

    title: str | None
    text: str
    verified: bool | None = None


@dataclass(frozen=True)
class Refused:
    """A row that cannot be read, as it came."""

    reason: str
    raw: str


Row = Raw | Prepared | Refused


class _Line(msgspec.Struct):
    text: str
    title: str | None = None
    language: str | None = None  # with markup: a curated row
    markup: bool | None = None
    verified_purchase: bool | None = None


class _LooseLine(msgspec.Struct):
    text: str
    title: msgspec.Raw = msgspec.Raw(b"")
    verified_purchase: msgspec.Raw = msgspec.Raw(b"")


_lines = msgspec.json.Decoder(_Line)
_loose_lines = msgspec.json.Decoder(_LooseLine)


def suffix_of(path: Path) -> str:
    """`jsonl`, `jsonl.gz` or `parquet`. Raises ConfigurationError for another suffix."""
    for suffix, kind in SUFFIXES.items():
        if path.name.endswith(suffix):
            return kind
    raise ConfigurationError(f"{path.name}: the suffix must be one of {', '.join(SUFFIXES)}")


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file in order. Blank lines are no rows.

    Raises UnreadableSourceError where there is no such file, at once, or where it breaks off.
    """
    kind = suffix_of(path)
    if not path.is_file():
        raise UnreadableSourceError(f"there is no file {path}")
    if kind == "parquet":
        _check_parquet(path)
        return _read_parquet(path)
    check_file(path, rated=False)
    return _read_lines(path)


def _check_parquet(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = None if head.startswith(MAGIC) else kind_of(head, is_whole=len(head) < HEAD_BYTES)
    if kind:
        raise UnreadableSourceError(f"{path} is {kind.description}: {kind.remedy}")


def _read_lines(path: Path) -> Iterator[Row]:
    """Rows of a file of lines, packed by gzip or not, whatever its name says."""
    try:
        with path.open("rb") as start:
            is_packed = start.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        with gzip.open(path, "rb") if is_packed else path.open("rb") as file:
            for line in _cut(file):
                if not is_blank(line):
                    yield _read_line(line)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableSourceError(f"{path.name} breaks off: {type(error).__name__}") from error


def _cut(file: Any) -> Iterator[bytes]:
    """Lines without their newline; of one that is too long a little more than is allowed."""
    while line := file.readline(MAX_LINE_BYTES + 2):
        rest = line
        while not rest.endswith(b"\n") and len(rest) == MAX_LINE_BYTES + 2:
            rest = file.readline(MAX_LINE_BYTES + 2)
        yield line.removesuffix(b"\n")


def _read_line(line: bytes) -> Row:
    if len(line) > MAX_LINE_BYTES:
        return _refuse(line)
    try:
        line.decode()
        found = _decode(line.removeprefix(BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        earlier = read_earlier(line)
        return (
            Raw(earlier.title, earlier.text, earlier.verified_purchase)
            if earlier and earlier.text
            else _refuse(line)
        )
    if found.language is not None and found.markup is not None:
        return Prepared(
            found.title or "",
            found.text,
            found.language,
            found.markup,
            CODES[found.verified_purchase],
        )
    return Raw(found.title, found.text, found.verified_purchase)


def _decode(line: bytes) -> _Line:
    """A line's fields; where only the text is right, the others as preprocessing takes them."""
    try:
        return _lines.decode(line)
    except (msgspec.DecodeError, RecursionError):
        found = _loose_lines.decode(repair(line))
        return _Line(
            found.text,
            convert_raw("title", found.title, []),
            verified_purchase=convert_raw("verified_purchase", found.verified_purchase, []),
        )


def _refuse(line: bytes) -> Refused:
    """With the reason that preprocessing would give; a rating is not asked for."""
    record = read_record(line)
    reason = record.reason if isinstance(record, Rejected) else "wrong_type"
    try:
        return Refused(reason, line.decode())
    except UnicodeDecodeError:
        return Refused(reason, base64.b64encode(line).decode())


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        for batch in read_batches(path, BATCH_ROWS):
            yield from _read_batch(batch)
    except DatasetError as error:
        raise UnreadableSourceError(str(error)) from error


def _read_batch(batch: Any) -> Iterator[Row]:
    names = batch.schema.names
    if "text" not in names:
        raise UnreadableSourceError("the Parquet file has no column text")

    def column(name: str) -> list[Any]:
        return batch.column(name).to_pylist() if name in names else [None] * batch.num_rows

    columns = (
        column(name) for name in ("title", "text", "verified_purchase", "language", "markup")
    )
    for title, text, verified, language, markup in zip(*columns, strict=True):
        if not isinstance(text, str):
            yield Refused("missing_field" if text is None else "wrong_type", "")
        elif language is not None and markup is not None:
            yield Prepared(title or "", text, language, markup, CODES[verified])
        else:
            yield Raw(title, text, verified)


def write_table(lines: Path, out: Path) -> None:
    """Turn predictions as JSON lines into Parquet, a batch at a time."""
    from arro3.core import RecordBatchReader, Schema
    from arro3.io import write_parquet

    schema = Schema(_fields())
    with lines.open("rb") as file:
        reader = RecordBatchReader.from_batches(schema, _batches(file, schema))
        write_parquet(reader, str(out), compression="zstd(3)")


def _fields() -> list[Any]:
    from arro3.core import DataType, Field

    types = {
        "row": DataType.int64(),
        "stars": DataType.int8(),
        "expected_stars": DataType.float64(),
        **{f"probability_{k}": DataType.float64() for k in range(1, 6)},
        "confidence": DataType.float64(),
        "language": DataType.string(),
        "supported": DataType.bool(),
        "known_words": DataType.int64(),
        "reason": DataType.string(),
        "raw": DataType.string(),
    }
    return [
        Field(name, kind, nullable=name not in ("row", "reason")) for name, kind in types.items()
    ]


def _batches(file: IO[bytes], schema: Any) -> Iterator[Any]:
    from arro3.core import Array, RecordBatch

    held: list[dict[str, Any]] = []

    def batch() -> Any:
        arrays = [Array([row.get(field.name) for row in held], type=field.type) for field in schema]
        return RecordBatch.from_arrays(arrays, schema=schema)

    for line in file:
        row = msgspec.json.decode(line)
        shares = row.pop("probabilities") or [None] * 5
        held.append(row | {f"probability_{k + 1}": share for k, share in enumerate(shares)})
        if len(held) == BATCH_ROWS:
            yield batch()
            held = []
    if held:
        yield batch()
