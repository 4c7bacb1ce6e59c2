"""Recognises a file that is no file of reviews by its first bytes, and says what to do with it.

Line by line such a file gives thousands of rejected records and no reason; a tar even gives all
reviews but the first.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec

from reviews.almost_json import BOM, repair
from reviews.counts import RESCALE, off_scale
from reviews.errors import UnreadableSourceError
from reviews.gunzip import GZIP_MAGIC, is_damaged_start
from reviews.record import is_blank, rating_of
from reviews.tables.delimited import is_table

HEAD_BYTES = 1 << 18  # some hundred reviews: enough to know a scale of ratings by
JSON_LINES = "lines of JSON, plain or gzip"


class Form(Enum):
    """A form that `reviews.tables` can convert."""

    PARQUET = "Parquet"
    DELIMITED = "a table"
    JSON = "JSON of more lines than one an object"
    TEXT = "lines of another encoding, or with other ends"


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is, as in "is a zip archive", and what to do. form: if it can be converted."""

    description: str
    remedy: str
    form: Form | None = None


def _unpack(command: str) -> str:
    return f"unpack it first ({command})"


CONVERT = "convert it first (python -m reviews convert FILE reviews.jsonl.gz)"
ANNEX = "get its content first (git annex get)"
EXPORT = f"write its rows as CSV, Parquet or {JSON_LINES}, each with `rating` and `text`"
SHEET = "save its sheet as CSV"
PICKLE = FileKind("a Python pickle", EXPORT)

# By the first bytes. Gzip is not among them: it is read.
ZIP = b"PK\x03\x04"
MAGIC = {
    ZIP: FileKind("a zip archive", _unpack("unzip FILE")),
    b"PK\x05\x06": FileKind("an empty zip archive", "name another file"),
    b"BZh": FileKind("compressed by bzip2", _unpack("bunzip2 FILE")),
    b"\xfd7zXZ": FileKind("compressed by xz", _unpack("unxz FILE")),
    b"]\x00\x00": FileKind("compressed by lzma", _unpack("unlzma FILE")),
    b"\x28\xb5\x2f\xfd": FileKind("compressed by zstd", _unpack("unzstd FILE")),
    b"\x04\x22\x4d\x18": FileKind("compressed by lz4", _unpack("unlz4 FILE")),
    b"\x1f\x9d": FileKind("compressed by compress", _unpack("gunzip FILE")),
    b"7z\xbc\xaf\x27\x1c": FileKind("a 7-Zip archive", _unpack("7z x FILE")),
    b"Rar!": FileKind("a RAR archive", _unpack("unrar x FILE")),
    b"PAR1": FileKind("a Parquet file", CONVERT, Form.PARQUET),
    b"ARROW1": FileKind("an Arrow file", EXPORT),
    b"ORC": FileKind("an ORC file", EXPORT),
    b"Obj\x01": FileKind("an Avro file", EXPORT),
    b"\x89HDF": FileKind("an HDF5 file", EXPORT),
    b"\x93NUMPY": FileKind("a NumPy array", EXPORT),
    b"SQLite format 3\x00": FileKind("an SQLite database", EXPORT),
    b"\xd0\xcf\x11\xe0": FileKind("an Office document", SHEET),
    b"%PDF": FileKind("a PDF document", "name another file"),
    b"(lp0": PICKLE,
    b"\x80\x02": PICKLE,
    b"\x80\x03": PICKLE,
    b"\x80\x04": PICKLE,
    b"\x80\x05": PICKLE,
    b"version https://git-lfs": FileKind(
        "a Git LFS pointer, not the file itself", "get its content first (git lfs pull)"
    ),
    b"/annex/objects/": FileKind("a git-annex pointer, not the file itself", ANNEX),
    b"outs:\n- md5": FileKind(
        "a DVC pointer, not the file itself", "get its content first (dvc pull)"
    ),
}
# UTF-32 first: its mark begins as that of UTF-16.
MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
MAGIC_BYTES = max(map(len, MAGIC))
TAR_BLOCK_BYTES = 512
BINARY_SHARE = 0.1  # of control characters, which text does not have
CONTROLS = bytes({*range(32), 127} - set(b"\t\n\v\f\r\x1b"))
TABLE_LINES = 20
OFFICE = {  # what stands early in the zip archive that such a file is
    b"xl/": "an Excel workbook",
    b"application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet",
}
CR_LINES = re.compile(rb"\}\s*\r\s*\{")
# Names that other sets of reviews have for `rating` and `text`.
OTHER_NAMES = (
    ("star_rating", "review_body"),
    ("stars", "text"),
    ("stars", "review_body"),
    ("label", "text"),
    ("score", "text"),
)


def check_file(path: Path, name: str = "", *, rated: bool = True) -> None:
    """Raise UnreadableSourceError, with its name or path, where a file holds no reviews.

    rated: whether their ratings are needed, and so must be stars.
    """
    if kind := kind_of_file(path, rated=rated):
        raise UnreadableSourceError(f"{name or path} is {kind.description}: {kind.remedy}")


def kind_of_file(path: Path, *, rated: bool = True) -> FileKind | None:
    """What a file is, see `kind_of`. Raises UnreadableSourceError where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES + 1)
    except OSError as error:
        raise UnreadableSourceError(f"{path} cannot be read: {error.strerror}") from None
    return kind_of(head[:HEAD_BYTES], is_whole=len(head) <= HEAD_BYTES, rated=rated)


def check_head(head: bytes, name: str, *, is_whole: bool = False) -> None:
    """Raise UnreadableSourceError where the first bytes are of no file of reviews.

    head: HEAD_BYTES, or all that there are (is_whole). name: of the file, for the message.
    """
    if kind := kind_of(head, is_whole=is_whole):
        raise UnreadableSourceError(f"{name} is {kind.description}: {kind.remedy}")


def kind_of(head: bytes, *, is_whole: bool = False, rated: bool = True) -> FileKind | None:
    """What a file is that begins so; None: it may hold reviews. rated: see `check_file`."""
    if kind := binary_kind(head):
        return kind
    if not head.startswith(GZIP_MAGIC):
        return _text_kind(head, is_whole, rated)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        inside = unpacker.decompress(head, HEAD_BYTES)
    except zlib.error:
        return None  # reading it says where it is damaged
    is_whole = unpacker.eof and not unpacker.unused_data.strip(b"\0")
    if not inside and not is_whole:
        return None
    if inside.startswith(GZIP_MAGIC):
        return FileKind("gzip inside gzip", _unpack("gunzip FILE"))
    kind = binary_kind(inside) or _text_kind(inside, is_whole, rated)
    if kind is None:
        return None
    remedy, form = kind.remedy, kind.form
    if form is Form.PARQUET:  # whose end is read first
        remedy, form = f"{_unpack('gunzip FILE')}, then {CONVERT}", None
    return FileKind(f"gzip, and inside it is {kind.description}", remedy, form)


def binary_kind(head: bytes) -> FileKind | None:
    """What a file is that begins so, if it is known to hold neither lines nor gzip."""
    if is_damaged_start(head):
        return FileKind("gzip whose first bytes are damaged", "get the whole file again")
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return _office_kind(head) or kind if magic == ZIP else kind
    return None


def _office_kind(head: bytes) -> FileKind | None:
    """What a zip archive is that an office program has made."""
    for sign, description in OFFICE.items():
        if sign in head:
            return FileKind(description, SHEET)
    return None


def _text_kind(head: bytes, is_whole: bool, rated: bool) -> FileKind | None:
    if not head:
        return FileKind("empty", "it holds no review; name another file")
    if encoding := wide_encoding(head):
        return FileKind(f"text in {encoding}", CONVERT, Form.TEXT)
    if _is_tar(head):
        return FileKind("a tar archive", _unpack("tar -xf FILE"))
    start = head[:4096]
    if sum(map(start.count, _single(CONTROLS))) > BINARY_SHARE * len(start):
        return FileKind("binary data", f"name a file of {JSON_LINES}")
    text = head.removeprefix(BOM).lstrip()
    if not text:
        return FileKind("nothing but blank lines", "name another file") if is_whole else None
    lines = text.split(b"\n")
    if not is_whole and len(lines) > 1:
        lines.pop()  # perhaps cut
    lines = [line for line in lines if not is_blank(line)]
    kind = _foreign_text(lines) or _table_kind(lines)
    return kind or (_off_scale(lines) if rated else None)


def _foreign_text(lines: Sequence[bytes]) -> FileKind | None:
    """What a text is that is one document, or lines of something else than JSON objects.

    lines: at least one, none of them blank, the first without blanks before it.
    """
    first, second = lines[0].strip(), lines[1].strip() if len(lines) > 1 else b""
    if first.startswith(b"<") and not any(line.startswith(b"{") for line in lines):
        if first[:64].lower().startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
            return FileKind("an HTML page", "get the file itself; this may tell of an error")
        return FileKind("an XML document", "get the file itself; this may tell of an error")
    if first.startswith(b"["):
        is_one_line = _is_json(first) and second.startswith(b"{")
        return None if is_one_line else FileKind("one JSON array", CONVERT, Form.JSON)
    if first.startswith(b"{") and not _is_json(first):
        if CR_LINES.search(first):
            return FileKind("lines that end in CR alone", CONVERT, Form.TEXT)
        if is_document(first, second):
            return FileKind("one JSON document over several lines", _jq("."), Form.JSON)
    return None


def is_document(first: bytes, second: bytes) -> bool:
    """Whether lines that begin so are parts of one JSON object, and not one object each."""
    return first.endswith((b"{", b"[")) or second.startswith(b'"')


def _table_kind(lines: Sequence[bytes]) -> FileKind | None:
    """Comma, semicolon, bar or tab separated values: nearly all rows have as many fields."""
    few = lines[:TABLE_LINES]
    if any(line.lstrip().startswith((b"{", b"[")) for line in few):
        return None
    if dialect := is_table(b"\n".join(few)):
        return FileKind(f"a table ({dialect.kind})", CONVERT, Form.DELIMITED)
    return None


def _off_scale(lines: Sequence[bytes]) -> FileKind | None:
    """No file of stars, where many of the ratings are above 5 or below 1."""
    ratings = [rating for line in lines if (rating := rating_of(line.strip())) is not None]
    above, below = sum(rating > 5 for rating in ratings), sum(rating < 1 for rating in ratings)
    description = off_scale(len(ratings) - above - below, above=above, below=below)
    return FileKind(f"on another scale: {description}", RESCALE) if description else None


def describe_fields(line: bytes) -> str:
    """Which names a record has in place of `rating` and `text`, if they are known; else nothing."""
    try:
        record = msgspec.json.decode(repair(line.removeprefix(BOM)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(record, dict):
        return ""
    for rating, text in OTHER_NAMES:
        if rating in record and text in record:
            return f"`{rating}` and `{text}` are to be called `rating` and `text`: {CONVERT}"
    if "average_rating" in record or "main_category" in record:
        return "these are products, not reviews"
    return ""


def _jq(selector: str) -> str:
    return f"write one object a line (jq -c '{selector}' FILE > reviews.jsonl)"


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _single(values: bytes) -> list[bytes]:
    return [bytes([value]) for value in values]


def wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32, by its mark or by the zero bytes that ASCII has in it."""
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    start = head[: 4096 & ~3]
    zeros = [start[place::4].count(0) * 4 / max(len(start), 1) for place in range(4)]
    full = [share > 0.8 for share in zeros]
    if sum(full) == 3 and len(start) >= 8:
        return "UTF-32BE" if full[0] else "UTF-32LE"
    if sum(full) == 2 and full[0] == full[2] and len(start) >= 4:
        return "UTF-16BE" if full[0] else "UTF-16LE"
    return ""


def _is_tar(head: bytes) -> bool:
    """Whether a tar's first header is there, by its own checksum: old ones have no magic bytes."""
    block = head[:TAR_BLOCK_BYTES]
    if len(block) < TAR_BLOCK_BYTES:
        return False
    stated = block[148:156].strip(b" \0")
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    return bool(re.fullmatch(rb"[0-7]{1,7}", stated)) and int(stated, 8) == total
