"""Rows on disk, partitioned by the first bits of their keys.

Each partition, read and sorted alone, is the next part of all rows in the order of their keys. A
key is a hash: this shuffles, brings copies of a review together, and gives one order whatever the
files that the rows came in.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Rows, once_each

PARTITION_ROWS = 1 << 14  # about: 30 MB in memory
MAX_BITS = 8  # files that are open at a time: 2 ** 8
KEY_BITS = 64
CHUNK_BYTES = 1 << 24  # of a partition that is partitioned again

_Record = tuple[int, str, str, int, str, bool, int, int]  # the fields of Rows, in order
_encode = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder(_Record).decode_lines


def partition_rows(
    batches: Iterable[Rows], folder: Path, expected_rows: int, used_bits: int = 0
) -> list[Path]:
    """Write rows into partitions below `folder`, about PARTITION_ROWS in each.

    used_bits: first bits of the keys that are all the same. Returns the partitions in order.
    """
    bits = min(MAX_BITS, KEY_BITS - used_bits, (expected_rows // PARTITION_ROWS).bit_length())
    folder.mkdir(parents=True)
    paths = [folder / f"{place:03d}.jsonl" for place in range(1 << bits)]
    row_counts = np.zeros(len(paths), np.int64)
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        for batch in batches:
            place = _places(batch.review_key, used_bits, bits)
            row_counts += np.bincount(place, minlength=len(paths))
            for number in np.unique(place).tolist():
                files[number].write(_lines(batch.take(place == number)))
    found: list[Path] = []
    for path, count in zip(paths, row_counts.tolist(), strict=True):
        if count > 4 * PARTITION_ROWS and used_bits + bits < KEY_BITS:
            # More rows came than were expected, or than MAX_BITS can divide: one level more.
            found += partition_rows(_chunks(path), path.with_suffix(""), count, used_bits + bits)
            path.unlink()
        else:
            found.append(path)
    return found


def read(partitions: Iterable[Path]) -> Iterator[Rows]:
    """The rows of one partition at a time, each review once."""
    for path in partitions:
        yield once_each(_rows(_decode(path.read_bytes())))


def _places(keys: NDArray[np.uint64], used_bits: int, bits: int) -> NDArray[np.int64]:
    if bits == 0:
        return np.zeros(len(keys), np.int64)
    return (keys << np.uint64(used_bits) >> np.uint64(KEY_BITS - bits)).astype(np.int64)


def _lines(rows: Rows) -> bytes:
    return _encode(
        list(
            zip(
                rows.rating.tolist(),
                rows.title,
                rows.text,
                rows.verified_purchase.tolist(),
                rows.language.tolist(),
                rows.markup.tolist(),
                rows.bucket.tolist(),
                rows.review_key.tolist(),
                strict=True,
            )
        )
    )


def _rows(records: list[_Record]) -> Rows:
    columns = list(zip(*records, strict=True)) or [()] * 8
    rating, title, text, verified, language, markup, bucket, key = columns
    return Rows(
        rating=np.asarray(rating, np.int64),
        title=list(title),
        text=list(text),
        verified_purchase=np.asarray(verified, np.int8),
        language=np.asarray(language, "U8"),
        markup=np.asarray(markup, np.bool_),
        bucket=np.asarray(bucket, np.int64),
        review_key=np.asarray(key, np.uint64),
    )


def _chunks(path: Path) -> Iterator[Rows]:
    with path.open("rb") as file:
        while lines := file.readlines(CHUNK_BYTES):
            yield _rows(_decode(b"".join(lines)))
