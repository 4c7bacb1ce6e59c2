"""How a raw object is shared out among workers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from lambdas.preprocess.source import RawSource, part_key
from reviews.errors import UnreadableSourceError
from reviews.file_kind import check_head
from reviews.gunzip import GZIP_MAGIC

# Reviews deflate about fourfold: a .gz of a quarter of a shard holds about one shard of lines.
GZIP_RATIO = 4
# What plan reads of a .gz each second and cuts up again, at the least, on one virtual processor:
# `make bench` measures 62 MB a CPU second, which we take to be 2.5 times what Lambda's does.
CUT_BYTES_PER_SECOND = 20_000_000
CUT_SECONDS = 720
REMEDY = "upload the whole file again"
PROCESSING = (
    "refine it in a SageMaker Processing job on the training image, with the command "
    "`python -m reviews refine --in /opt/ml/processing/input --out /opt/ml/processing/output`"
)


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker takes: one line of shards.jsonl.

    start, end: the lines that begin in these bytes; None: all. offset, line: of its first byte and
    how many lines stand before it, in the source after decompression. size: of a part that was cut
    out, after decompression.
    """

    source_id: str
    shard: int
    bucket: str
    key: str
    version: str
    start: int | None = None
    end: int | None = None
    compression: Literal["none", "gzip"] = "none"
    offset: int = 0
    line: int = 0
    size: int | None = None

    @classmethod
    def of_event(cls, event: dict[str, Any]) -> Shard:
        """From one line, parsed."""
        return msgspec.convert(event, cls)


def is_gzip(head: bytes, uri: str, *, is_whole: bool) -> bool:
    """Whether an object with these first bytes is gzip; its name says nothing.

    Raises UnreadableSourceError, with what to do, where it is something else than reviews.
    """
    check_head(head, uri, is_whole=is_whole)
    return head.startswith(GZIP_MAGIC)


def of_whole(source: RawSource, *, gzip: bool) -> list[Shard]:
    """One shard: the object as it is."""
    return [_of(source, 0, compression="gzip" if gzip else "none")]


def of_ranges(source: RawSource, size_bytes: int, max_bytes: int) -> list[Shard]:
    """Shards of nearly equal size, none larger than max_bytes, without gap or overlap."""
    count = -(-size_bytes // max_bytes)
    edges = [size_bytes * n // count for n in range(count + 1)]
    return [_of(source, n, start=edges[n], end=edges[n + 1]) for n in range(count)]


def of_part(
    source: RawSource, bucket: str, shard: int, *, offset: int, line: int, size: int
) -> Shard:
    """A piece of a .gz that was cut out into the curated bucket."""
    return Shard(
        source_id=source.id,
        shard=shard,
        bucket=bucket,
        key=part_key(source.id, shard),
        version="null",
        compression="gzip",
        offset=offset,
        line=line,
        size=size,
    )


def must_be_cut(size_bytes: int, max_bytes: int) -> bool:
    """Whether a .gz of this size holds more than one worker should take."""
    return size_bytes * GZIP_RATIO > max_bytes


def check_can_be_cut(uri: str, size_bytes: int) -> None:
    """Raise UnreadableSourceError where a .gz is too large to be cut up in time."""
    if size_bytes > CUT_BYTES_PER_SECOND * CUT_SECONDS:
        raise UnreadableSourceError(too_large(uri, size_bytes))


def too_large(uri: str, size_bytes: int) -> str:
    """What to do with a .gz that no function can cut up in its 15 minutes."""
    return (
        f"{uri} has {size_bytes / 1e9:.1f} GB of gzip, which cannot be cut up within "
        f"{CUT_SECONDS // 60} minutes: upload it as plain .jsonl, or {PROCESSING}"
    )


def or_say_what_to_do(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a source; where it cannot be read to its end, the error says what to do."""
    try:
        yield from pieces
    except UnreadableSourceError as error:
        raise UnreadableSourceError(f"{error}; {REMEDY}") from None


def to_lines(shards: Sequence[Shard]) -> bytes:
    """The content of shards.jsonl."""
    return b"".join(msgspec.json.encode(shard) + b"\n" for shard in shards)


def from_lines(lines: bytes) -> list[Shard]:
    """The shards that `to_lines` wrote."""
    return [msgspec.json.decode(line, type=Shard) for line in lines.splitlines()]


def _of(source: RawSource, shard: int, **more: Any) -> Shard:
    return Shard(
        source_id=source.id,
        shard=shard,
        bucket=source.bucket,
        key=source.key,
        version=source.version,
        **more,
    )
