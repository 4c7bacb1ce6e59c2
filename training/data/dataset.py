"""Curated reviews as columns in memory.

The order of rows is that of their keys, so it does not depend on files, shards or machines:
the same rows give the same model.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from reviews.clean import TEXT_RULES, join_sample
from reviews.identity import HOLD_OUT_BUCKETS
from reviews.language import UNDETERMINED, is_learned
from reviews.provenance import PROVENANCE_KEY, Provenance
from reviews.verified import CODES
from training.data import parquet_footer
from training.data.parquet import read_batches
from training.errors import DatasetError

BATCH_ROWS = 8192
REFINE_AGAIN = "refine the raw files again, all in one way"
OTHER_SHORT = f"{UNDETERMINED}-other"  # too short to detect, with words of another language


@dataclass(frozen=True)
class Rows:
    """Columns of n reviews, row i in each of the same one; text and title are cleaned.

    rating: (n,) 1 to 5. title, text: n strings. language: (n,) codes.
    verified_purchase: (n,) codes of `reviews.verified`. markup: (n,) bool.
    bucket: (n,) 0 to 99, of the user. review_key: (n,) uint64.
    """

    rating: NDArray[np.int64]
    title: list[str]
    text: list[str]
    verified_purchase: NDArray[np.int8]
    language: NDArray[np.str_]
    markup: NDArray[np.bool_]
    bucket: NDArray[np.int64]
    review_key: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.rating)

    def take(self, rows: ArrayLike) -> "Rows":
        """The named rows, by position or by mask, in the order given."""
        index = np.asarray(rows)
        if index.dtype == np.bool_:
            index = np.flatnonzero(index)
        positions = index.tolist()
        columns: dict[str, Any] = {}
        for item in fields(self):
            column = getattr(self, item.name)
            is_list = isinstance(column, list)
            columns[item.name] = [column[i] for i in positions] if is_list else column[index]
        return Rows(**columns)

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """(n,) whether a row belongs to the hold-out, which no fit ever sees."""
        return self.bucket < HOLD_OUT_BUCKETS

    def folds(self, count: int) -> NDArray[np.int64]:
        """(n,) the fold of each row, 0 to count - 1: all rows of one user in one fold."""
        return (self.bucket - HOLD_OUT_BUCKETS) % count

    def in_languages(self, languages: Collection[str]) -> NDArray[np.bool_]:
        """(n,) whether a row is in one of the languages, or too short to tell."""
        found = np.isin(self.language, list(languages))
        for i in np.flatnonzero(self.language == UNDETERMINED).tolist():
            sample = join_sample(self.title[i], self.text[i])
            found[i] = is_learned(UNDETERMINED, sample, languages)
        return found

    def language_labels(self, languages: Collection[str]) -> NDArray[np.str_]:
        """(n,) codes, and OTHER_SHORT for `und` that is not in `in_languages`."""
        other = (self.language == UNDETERMINED) & ~self.in_languages(languages)
        return np.where(other, OTHER_SHORT, self.language)


def read(
    folder: Path,
    languages: Collection[str] | None = None,
    buckets: Collection[int] | None = None,
) -> Rows:
    """Read every Parquet file below a folder, each review once (by its key).

    languages: rows in these and `und`; None: all. buckets: only these; None: all.
    Raises DatasetError where there is no file, no row, or a column is not as the data dictionary
    says.
    """
    parts = [_chosen(batch, languages, buckets) for batch in batches(folder)]
    if not parts:
        raise DatasetError(f"no row in the Parquet files below {folder}")
    return once_each(join(parts))


def sample(folder: Path, max_rows: int, buckets: Collection[int] | None = None) -> tuple[Rows, int]:
    """Some rows, in memory for no more than three times as many, and of how many they were drawn.

    Keys are hashes, so the rows with the lowest ones are a random sample, and always the same.
    buckets: only these; None: all. Counted are rows as they stand in the files, copies too; 0 where
    every review was taken.
    Raises DatasetError as `read` does.
    """
    held: list[Rows] = []
    count, limit, total = 0, None, 0
    for batch in batches(folder):
        rows = _chosen(batch, None, buckets)
        total += len(rows)
        if limit is not None:
            rows = rows.take(rows.review_key <= limit)
        held.append(rows)
        count += len(rows)
        if count > 2 * max_rows:
            lowest = once_each(join(held))
            if len(lowest) > max_rows:
                lowest = lowest.take(np.arange(max_rows))
                limit = lowest.review_key[-1]
            held, count = [lowest], len(lowest)
    if not held:
        raise DatasetError(f"no row in the Parquet files below {folder}")
    rows = once_each(join(held))
    if limit is None and len(rows) <= max_rows:
        return rows, 0
    return rows.take(np.arange(max_rows)), total


def _chosen(rows: Rows, languages: Collection[str] | None, buckets: Collection[int] | None) -> Rows:
    keep = np.ones(len(rows), np.bool_)
    if languages is not None:
        keep &= rows.in_languages(languages)
    if buckets is not None:
        keep &= np.isin(rows.bucket, list(buckets))
    return rows if keep.all() else rows.take(keep)


def join(parts: Sequence[Rows]) -> Rows:
    """The rows of at least one part, one after another."""
    columns: dict[str, Any] = {}
    for item in fields(Rows):
        part = [getattr(p, item.name) for p in parts]
        is_list = isinstance(part[0], list)
        columns[item.name] = [v for p in part for v in p] if is_list else np.concatenate(part)
    return Rows(**columns)


def once_each(rows: Rows) -> Rows:
    """The rows in the order of their keys, each review once."""
    order = np.argsort(rows.review_key, kind="stable")
    first = np.diff(rows.review_key[order], prepend=rows.review_key[order[:1]] ^ np.uint64(1)) != 0
    return rows.take(order[first])


def files(folder: Path) -> list[Path]:
    """Every Parquet file below a folder, of any depth, sorted by path.

    Raises DatasetError where there is none.
    """
    found = sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
    if not found:
        raise DatasetError(f"no Parquet file below {folder}")
    return found


def detector(folder: Path) -> str:
    """The detector of the languages of all rows below a folder; a model must be asked by the same.

    Raises DatasetError where files differ, or were cleaned by other text rules than this
    program's: no model can be learned from, or judged by, text of two kinds.
    """
    found: dict[str, str] = {}
    for path in files(folder):
        try:
            metadata = parquet_footer.read(path).metadata
            provenance = Provenance.from_json(metadata.get(PROVENANCE_KEY, ""))
        except msgspec.MsgspecError:
            raise DatasetError(
                f"{path.name} does not say by what it was made: {REFINE_AGAIN}"
            ) from None
        if provenance.text_rules != TEXT_RULES:
            raise DatasetError(
                f"{path.name} was cleaned by text rules {provenance.text_rules}, this program goes "
                f"by {TEXT_RULES}: {REFINE_AGAIN}"
            )
        found.setdefault(provenance.detector, path.name)
    if len(found) > 1:
        detectors = ", ".join(f"{path} by {name}" for name, path in found.items())
        raise DatasetError(f"languages were detected in {detectors}: {REFINE_AGAIN}")
    return next(iter(found))


def batches(folder: Path, batch_rows: int = BATCH_ROWS) -> Iterator[Rows]:
    """The rows of every file in turn, in constant memory, copies included."""
    for path in files(folder):
        for batch in read_batches(path, batch_rows):
            yield to_rows(batch, path)


def to_rows(batch: Any, path: Path) -> Rows:
    """The columns of an arro3 batch. Raises DatasetError, naming its file, where one is unsound."""
    names = set(batch.schema.names)
    if missing := sorted({item.name for item in fields(Rows)} - names):
        raise DatasetError(f"{path.name} has no column {', '.join(missing)}")
    verified = [CODES[v] for v in batch.column("verified_purchase").to_pylist()]
    rows = Rows(
        rating=_numbers(batch, "rating", path),
        title=_strings(batch, "title", path),
        text=_strings(batch, "text", path),
        verified_purchase=np.asarray(verified, np.int8),
        language=np.asarray(_strings(batch, "language", path), "U8"),
        markup=_numbers(batch, "markup", path).astype(np.bool_),
        bucket=_numbers(batch, "bucket", path),
        review_key=_whole(batch, "review_key", path).astype(np.uint64),
    )
    if len(rows) and not 1 <= rows.rating.min() <= rows.rating.max() <= 5:
        raise DatasetError(f"{path.name}: a rating is not from 1 to 5")
    if len(rows) and not 0 <= rows.bucket.min() <= rows.bucket.max() <= 99:
        raise DatasetError(f"{path.name}: a bucket is not from 0 to 99")
    return rows


def _whole(batch: Any, name: str, path: Path) -> NDArray[Any]:
    column = batch.column(name)
    if column.null_count:
        raise DatasetError(f"{path.name}: column {name} has nulls")
    values: NDArray[Any] = column.to_numpy()
    if values.dtype.kind not in "iub":
        raise DatasetError(f"{path.name}: column {name} holds no whole numbers")
    return values


def _numbers(batch: Any, name: str, path: Path) -> NDArray[np.int64]:
    return _whole(batch, name, path).astype(np.int64)


def _strings(batch: Any, name: str, path: Path) -> list[str]:
    values: list[str] = batch.column(name).to_pylist()
    if not all(type(value) is str for value in values):
        raise DatasetError(f"{path.name}: column {name} must hold strings and no nulls")
    return values
