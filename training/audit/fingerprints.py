"""What an audit keeps of every row in memory: numbers, none of its words.

About 110 bytes a row: keys, stars, whose it is, and hashes by which like texts meet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data import dataset
from training.data.dataset import BATCH_ROWS, Rows
from training.data.parquet import read_batches
from training.errors import DatasetError
from training.features.tokens import HashArray, tokenise

SHINGLE = 3  # tokens in a row that two near copies share
BANDS, BAND_HASHES = 8, 4  # a pair of Jaccard .8 meets in some band in 98 of 100, one of .3 in 6
DAY = 86_400_000  # milliseconds
NO_DAY = -1
WHOSE = ("user_id", "asin", "timestamp")  # columns that curated data has where they are kept

_random = np.random.default_rng(0)
ODD = _random.integers(0, 2**63, (BANDS * BAND_HASHES, 1), np.uint64) * np.uint64(2) + np.uint64(1)
FLIP = _random.integers(0, 2**63, (BANDS * BAND_HASHES, 1), np.uint64)
STEPS = _random.integers(0, 2**63, SHINGLE, np.uint64) * np.uint64(2) + np.uint64(1)
HIGH = np.uint64(32)


@dataclass(frozen=True)
class Fingerprints:
    """Columns of n rows, in the order of their keys, each review once.

    bucket: of the user. tokens: of the text. words: hash of all of them. bands: (n, BANDS) equal
    where texts may be near copies. user, product: hashes, 0 where unknown. day: since 1970.
    """

    review_key: NDArray[np.uint64]
    rating: NDArray[np.int8]
    bucket: NDArray[np.int8]
    tokens: NDArray[np.int32]
    words: HashArray
    bands: HashArray
    user: HashArray
    product: HashArray
    day: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.review_key)

    def take(self, rows: NDArray[Any]) -> "Fingerprints":
        """Some rows, by position or by mask."""
        return Fingerprints(*(getattr(self, item.name)[rows] for item in fields(self)))

    @property
    def whose(self) -> HashArray:
        """(n,) equal for rows of one user; without ids, for rows of users of one bucket."""
        return np.where(self.user != 0, self.user, self.bucket.astype(np.uint64))


def read(
    folder: Path, max_rows: int, log: Callable[[str], None]
) -> tuple[Fingerprints, int, frozenset[str]]:
    """The fingerprints of at most so many rows, those with the lowest keys: a random sample.

    Returns also how many rows there are, and which columns of WHOSE all files have.
    """
    held: list[Fingerprints] = []
    count = total = 0
    limit: np.uint64 | None = None
    columns = frozenset(WHOSE)
    for path in dataset.files(folder):
        for batch in read_batches(path, BATCH_ROWS // 4):
            columns &= frozenset(batch.schema.names)
            rows = dataset.to_rows(batch, path)
            total += len(rows)
            whose = {name: _column(batch, name, path) for name in WHOSE}
            if limit is not None:
                chosen = np.flatnonzero(rows.review_key <= limit)
                rows = rows.take(chosen)
                whose = {name: [found[i] for i in chosen] for name, found in whose.items()}
            held.append(_fingerprint(rows, whose))
            count += len(rows)
            if count > 2 * max_rows:
                held = [_once_each(held, max_rows)]
                count = len(held[0].review_key)
                # Copies may leave fewer: then none is left out yet.
                limit = held[0].review_key[-1] if count == max_rows else None
            if total % 100_000 < batch.num_rows:
                log(f"read {total:,} rows")
    if not held:
        raise DatasetError(f"no row in the Parquet files below {folder}")
    return _once_each(held, max_rows), total, columns


def shingles(rows: Rows) -> tuple[HashArray, NDArray[np.int64], NDArray[np.int64], list[bytes]]:
    """Shingles of each text: hashes of every SHINGLE tokens in a row; a shorter text has one.

    Returns them (s,), where each row's begin (n + 1,), tokens of each text (n,), and n digests of
    whole texts.
    """
    n = len(rows)
    found = tokenise(rows.title, rows.text)
    begin, end = found.offsets[n : 2 * n], found.offsets[n + 1 : 2 * n + 1]
    tokens = end - begin
    texts = found.hash
    digests = [
        blake2b(texts[a:b].tobytes(), digest_size=8).digest()
        for a, b in zip(begin.tolist(), end.tolist(), strict=True)
    ]
    padded = np.concatenate((texts, np.zeros(SHINGLE, np.uint64)))
    mixed = sum(padded[i : len(texts) + 1 + i] * STEPS[i] for i in range(SHINGLE))  # (t + 1,)
    mixed = (mixed ^ (mixed >> HIGH)) * STEPS[0]
    counts = np.maximum(tokens - SHINGLE + 1, 1)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts) + np.repeat(begin, counts)
    return mixed[places], offsets, tokens, digests


def _fingerprint(rows: Rows, whose: dict[str, list[Any]]) -> Fingerprints:
    hashes, offsets, tokens, digests = shingles(rows)
    bands = np.zeros((len(rows), BANDS), np.uint64)
    if len(rows):
        for number in range(BANDS * BAND_HASHES):
            values = (hashes ^ FLIP[number]) * ODD[number]
            least = np.minimum.reduceat(values, offsets[:-1])  # (n,) one minhash of each row
            band = bands[:, number // BAND_HASHES]
            band *= np.uint64(0x9E3779B97F4A7C15)
            band ^= least ^ (least >> HIGH)
    stamps = whose["timestamp"]
    return Fingerprints(
        review_key=rows.review_key,
        rating=rows.rating.astype(np.int8),
        bucket=rows.bucket.astype(np.int8),
        tokens=tokens.astype(np.int32),
        words=np.frombuffer(b"".join(digests), np.uint64),
        bands=bands,
        user=_hashes(whose["user_id"]),
        product=_hashes(whose["asin"]),
        day=np.asarray([NO_DAY if t is None else t // DAY for t in stamps], np.int32),
    )


def _column(batch: Any, name: str, path: Path) -> list[Any]:
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    values: list[Any] = batch.column(name).to_pylist()
    kind = int if name == "timestamp" else str
    if not all(value is None or type(value) is kind for value in values):
        raise DatasetError(f"{path.name}: column {name} is not as the data dictionary says")
    return values


def _hashes(values: list[Any]) -> HashArray:
    digests = [
        blake2b(value.encode(), digest_size=8).digest() if value else bytes(8) for value in values
    ]
    return np.frombuffer(b"".join(digests), np.uint64)


def _once_each(held: list[Fingerprints], max_rows: int) -> Fingerprints:
    joined = Fingerprints(
        *(np.concatenate([getattr(p, item.name) for p in held]) for item in fields(Fingerprints))
    )
    _, first = np.unique(joined.review_key, return_index=True)
    return joined.take(first[:max_rows])


def batches_of(folder: Path, keys: NDArray[np.uint64]) -> Iterator[Rows]:
    """The rows that have these keys (ascending), copies of a key included."""
    for rows in dataset.batches(folder):
        place = np.searchsorted(keys, rows.review_key).clip(max=len(keys) - 1)
        found = rows.take(keys[place] == rows.review_key)
        if len(found):
            yield found
