"""A training set in constant memory: rows on disk, hashed n-grams, classifiers of one pass.

What is not needed of every row comes from the first rows by key, which are a random sample:
how common n-grams are, the nets with the decision rule and its metrics, the baseline and the
golden set.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import vstack

from training.config import Balance, ModelConfig, Space
from training.data import dataset, parquet_footer, partitions
from training.data.dataset import Rows
from training.errors import TrainingError
from training.features.tokens import FloatArray, IntArray, tokenise
from training.features.views import VIEWS, HashBuckets, count
from training.fit import row_counts
from training.fit.adagrad import Learner, rate_scale
from training.fit.balance import star_weights, streamed_weights
from training.fit.hashed_features import FeatureBatch, HashedFeatures
from training.fit.projection import fit_projection
from training.fit.row_counts import RowCounts
from training.fit.training_set import FittedClassifiers, TrainingSet
from training.fit.vocabulary import Matrix, keep_views
from training.model.artefact import ModelParts
from training.model.scorer import Classifiers, Float32Array, Stack
from training.model.topics import Projection
from training.progress import TrainingProgress

LOG_EVERY_ROWS = 100_000


@contextmanager
def open_streaming(
    data: Path, config: ModelConfig, progress: TrainingProgress
) -> Iterator["StreamingTrainingSet"]:
    """Partition the rows below `data` on disk (TMPDIR), for as long as the training set is used.

    Raises TrainingError where no model can come of the rows, or where the disk has no room.
    """
    with TemporaryDirectory(prefix="rows-") as folder:
        rows = sum(parquet_footer.read(path).rows for path in dataset.files(data))
        try:
            target = Path(folder) / "partitions"
            paths = partitions.partition_rows(dataset.batches(data), target, rows)
        except OSError as error:  # most often a disk that is full
            raise TrainingError(
                f"the rows cannot be partitioned in {folder}: {error.strerror}; name a folder "
                "with room for as much as their text in TMPDIR"
            ) from error
        counts = row_counts.count_rows(partitions.read(paths), config)
        row_counts.check(counts, config)
        progress.log(
            f"{counts.read:,} reviews in {len(paths)} partitions on disk: {counts.training:,} to "
            f"learn from, {counts.hold_out:,} held out"
        )
        yield StreamingTrainingSet(paths, counts, config, progress)


class StreamingTrainingSet(TrainingSet):
    """Rows on disk, read once for each fit. The sample is the first rows by key."""

    mode = "streaming"

    def __init__(
        self, paths: list[Path], counts: RowCounts, config: ModelConfig, progress: TrainingProgress
    ) -> None:
        super().__init__(config, progress)
        self.paths, self.row_counts = paths, counts
        self.settings = config.streaming
        self.size = 1 << self.settings.hash_bits
        self.seen_buckets, chosen = self._choose_ngrams()
        lookup = HashBuckets(self.settings.hash_bits, self.seen_buckets)
        self.views = tuple(chosen)
        self.features = HashedFeatures(lookup, self.size, chosen, config.views.edge_tokens)
        self.sample = first(self._training_rows(), self.settings.stacking_rows)
        held_out = (rows.take(rows.held_out) for rows in partitions.read(paths))
        self.hold_out = first(held_out, self.settings.hold_out_rows)
        if len(self.hold_out) < counts.hold_out:
            progress.log(f"baseline and golden set: the first {len(self.hold_out):,} rows held out")

    def weigh(self, balance: Balance) -> FloatArray:
        """(n,) weights of the sample's rows under one way of balancing."""
        return self._weights(self.sample, balance)

    def fit(self, balance: Balance) -> FittedClassifiers:
        """Fit in two passes over all rows: what n-grams say of the stars, and the classifiers.

        Each fold's classifiers learn beside those of all rows.
        """
        by_star = self.row_counts.by_star * star_weights(self.row_counts.by_star, balance)
        scale = rate_scale(self._count_stars(balance), self.features.ends, self.config.views)
        learner = Learner(self.features, self.config, by_star, scale)
        learned = 0
        for rows, (x, _) in self._counted(self._training_rows()):
            learner.learn(x, rows, self._weights(rows, balance))
            learned += len(rows)
            if learned % LOG_EVERY_ROWS < len(rows):
                self.progress.log(f"learned from {learned:,} of {self.row_counts.training:,} rows")
        scores, counts = [], []
        for rows, batch in self._counted([self.sample]):
            scores.append(learner.scores(batch, rows.folds(self.config.folds)))
            counts.append(batch.counts)
        self.progress.log(f"scored {len(self.sample):,} rows out of fold")
        return FittedClassifiers(
            learner.classifiers(), np.concatenate(scores), np.concatenate(counts)
        )

    def fit_projection(self) -> Projection:
        """Fit the topics over the first view of the sample's first rows."""
        ngrams, _ = self.features.chosen[self.views[0]]
        texts, rows_counted = [], 0
        for rows in batches([self.sample], self.settings.batch_rows):
            matrix: Matrix = self.features.count(rows).matrix  # (views * n, m)
            texts.append(matrix[: len(rows), : len(ngrams)])  # rows and columns of the first view
            rows_counted += len(rows)
            if rows_counted >= self.config.topics.rows:
                break
        return fit_projection(
            vstack(texts, format="csr"), ngrams, self.config.topics, self.config.seed
        )

    def parts(
        self,
        classifiers: dict[str, Classifiers],
        stack: Stack | None,
        projection: Projection,
        verified_weights: Float32Array | None = None,
    ) -> ModelParts:
        """What a model of these rows computes with."""
        return ModelParts(
            [],
            self.settings.hash_bits,
            classifiers,
            stack,
            projection,
            self.config.views.edge_tokens,
            self.base_rates,
            self.seen_buckets,
            reads_verified=self.reads_verified,
            verified_weights=verified_weights,
        )

    def _count_stars(self, balance: Balance) -> NDArray[np.int32]:
        """(m, folds, 5) of the first rows: those of each fold and star that hold an n-gram."""
        folds = self.config.folds
        found = np.zeros((self.features.ends[-1], folds * 5), np.int32)
        rows_by_key = self._training_rows()
        for rows, (x, _) in self._counted(rows_by_key, self.settings.vocabulary_rows):
            column = rows.folds(folds) * 5 + rows.rating - 1  # (n,)
            # Rows without weight teach nothing, so they say nothing of an n-gram either.
            column[self._weights(rows, balance) <= 0] = -1
            columns = np.repeat(np.tile(column, len(self.views)), np.diff(x.indptr))  # (nnz,)
            counted = columns >= 0
            np.add.at(found, (x.indices[counted], columns[counted]), 1)
        self.progress.log(f"counted the stars of {len(found):,} n-grams")
        return found.reshape(-1, folds, 5)

    def _counted(
        self, parts: Iterable[Rows], max_rows: int | None = None
    ) -> Iterator[tuple[Rows, FeatureBatch]]:
        """Batches of rows and their features: the next ones are counted on a second core."""
        with ThreadPoolExecutor(1, "features") as pool:
            counting: deque[tuple[Rows, Future[FeatureBatch]]] = deque()
            for rows in batches(parts, self.settings.batch_rows, max_rows):
                counting.append((rows, pool.submit(self.features.count, rows)))
                if len(counting) > 2:
                    done, batch = counting.popleft()
                    yield done, batch.result()
            for done, batch in counting:
                yield done, batch.result()

    def _training_rows(self) -> Iterator[Rows]:
        for rows in partitions.read(self.paths):
            yield row_counts.training_rows(rows, self.config)

    def _choose_ngrams(self) -> tuple[NDArray[np.uint8], dict[str, tuple[IntArray, Float32Array]]]:
        """Which buckets tokens fall into (bits), and which each view weighs, with their idf."""
        size, seen = self.size, 0
        every_bucket = HashBuckets(self.settings.hash_bits, np.zeros(size // 8, np.uint8))
        rows_with = np.zeros(len(VIEWS) * size, np.int32)
        tokens_in = np.zeros(size, np.int32)
        vocabulary_rows = self.settings.vocabulary_rows
        for rows in batches(self._training_rows(), self.settings.batch_rows, vocabulary_rows):
            tokens = tokenise(rows.title, rows.text)
            counts = count(tokens, every_bucket, VIEWS, self.config.views.edge_tokens, size)
            np.add.at(rows_with, counts.segment // len(rows) * size + counts.ngram, 1)
            np.add.at(tokens_in, counts.number[: len(tokens.hash)], 1)
            seen += len(rows)
        rows_of = dict(zip(VIEWS, rows_with.reshape(-1, size), strict=True))  # (size,) each
        spaces = self.config.views.spaces
        buckets = keep_views(
            {
                view: choose_buckets(rows, getattr(spaces, view), self.settings.max_ngrams)
                for view, rows in rows_of.items()
            }
        )
        chosen = {
            view: (ngrams, (np.log((1 + seen) / (1 + rows_of[view][ngrams])) + 1).astype("f4"))
            for view, ngrams in buckets.items()
        }
        self.progress.log(
            f"{sum(len(ngrams) for ngrams in buckets.values()):,} of {len(VIEWS)} x {size:,} "
            f"hash buckets, by {seen:,} rows"
        )
        min_tokens = self.config.views.spaces.text.min_rows
        return np.packbits(tokens_in >= min_tokens), chosen

    def _weights(self, rows: Rows, balance: Balance) -> FloatArray:
        return streamed_weights(rows.rating, rows.review_key, balance, self.row_counts.by_star)


def first(parts: Iterable[Rows], max_rows: int) -> Rows:
    """The first rows of all parts together."""
    found, count = [], 0
    for rows in parts:
        found.append(rows)
        count += len(rows)
        if count >= max_rows:
            break
    return dataset.join(found).take(np.arange(min(count, max_rows)))


def batches(parts: Iterable[Rows], batch_rows: int, max_rows: int | None = None) -> Iterator[Rows]:
    """The rows of all parts in batches of one size (the last may be smaller).

    Where a part ends makes no difference: the same rows give the same batches.
    """
    held: list[Rows] = []
    left = math.inf if max_rows is None else max_rows
    for rows in parts:
        held.append(rows)
        together = dataset.join(held)
        for begin in range(0, len(together) - batch_rows + 1, batch_rows):
            if left <= 0:
                return
            size = int(min(left, batch_rows))
            yield together.take(np.arange(begin, begin + size))
            left -= batch_rows
        rest = len(together) // batch_rows * batch_rows
        held = [together.take(np.arange(rest, len(together)))]
    if held and len(held[0]) and left > 0:
        yield held[0].take(np.arange(int(min(left, len(held[0])))))


def choose_buckets(rows_with: NDArray[np.integer[Any]], space: Space, max_buckets: int) -> IntArray:
    """Buckets that enough rows have, the commonest of them, of equals the lower ones."""
    chosen = np.flatnonzero(rows_with >= space.min_rows)
    if len(chosen) > max_buckets:
        ranked = chosen[np.argsort(-rows_with[chosen], kind="stable")]
        chosen = np.sort(ranked[:max_buckets])
    return chosen
