"""The `views` family in constant memory: rows from disk, hashed n-grams, heads of one pass.

What is not needed of every row comes from the first rows by key, which are a random sample:
how common n-grams are, the nets with the rule and its figures, the baseline and the golden set.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import vstack

from training.config import Balance, ModelConfig, Space, Streaming
from training.data import dataset, parquet_footer, partitions
from training.data.dataset import Rows
from training.errors import TrainingError
from training.features.tokens import FloatArray, IntArray, tokenise
from training.features.views import FOUR, Slots, count
from training.fit import ordinal, row_counts
from training.fit.adagrad import Learner
from training.fit.balance import star_weights, streamed_weights
from training.fit.in_memory import Material
from training.fit.ordinal import Examples, Fitted
from training.fit.row_counts import Census
from training.fit.vocabulary import Matrix
from training.model.artefact import Parts
from training.model.scorer import Float32Array
from training.model.topics import Projection, fit_projection
from training.progress import Progress

SAID_ROWS = 100_000  # rows between two lines of progress


@contextmanager
def gathered(data: Path, config: ModelConfig, progress: Progress) -> Iterator[Material]:
    """Deal the rows out on disk (TMPDIR), and say what may be made of them."""
    with TemporaryDirectory(prefix="rows-") as place:
        rows = sum(parquet_footer.read(path).rows for path in dataset.files(data))
        try:
            paths = partitions.deal(dataset.batches(data), Path(place) / "dealt", rows)
        except OSError as error:  # most often a disk that is full
            raise TrainingError(
                f"the rows cannot be laid out in {place}: {error.strerror}; name a folder with "
                "room for as much as their words in TMPDIR"
            ) from error
        counted = row_counts.take(partitions.read(paths), config)
        row_counts.check(counted, config)
        progress.say(
            f"{counted.read:,} reviews in {len(paths)} parts on disk: {counted.training:,} to "
            f"learn from, {counted.hold_out:,} held out"
        )
        yield Streamed(paths, counted, config, progress).material()


class Streamed:
    """Rows on disk, and a model's parts as far as they are known."""

    def __init__(
        self, paths: list[Path], counted: Census, config: ModelConfig, progress: Progress
    ) -> None:
        self.paths, self.census, self.config, self.progress = paths, counted, config, progress
        self.settings = config.streaming
        self.known, self.ngrams = self._choose()
        self.lookup = Slots(self.settings.slots, self.known)
        self.sample = first(self._training(), self.settings.stacking_rows)
        self.projection: Projection | None = None

    def material(self) -> Material:
        """The same as `train` gets of rows in memory."""
        held_out = (rows.take(rows.held_out) for rows in partitions.read(self.paths))
        hold_out = first(held_out, self.settings.hold_out_rows)
        if len(hold_out) < self.census.hold_out:
            self.progress.say(f"baseline and golden set: the first {len(hold_out):,} rows held out")
        return Material(
            "streaming", self.census, self.sample, hold_out, self._weigh, self._fit, self._parts
        )

    def _training(self) -> Iterator[Rows]:
        for rows in partitions.read(self.paths):
            yield row_counts.learned(rows, self.config)

    def _choose(self) -> tuple[NDArray[np.uint8], dict[str, tuple[IntArray, Float32Array]]]:
        """Which slots words fall into (bits), and which each view weighs, with their idf."""
        bits = self.settings.slots
        size, seen = 1 << bits, 0
        slots = Slots(bits, np.zeros((1 << bits) // 8, np.uint8))
        rows_with = np.zeros(len(FOUR) * size, np.int32)
        tokens_in = np.zeros(size, np.int32)
        for rows in batches(self._training(), self.settings, self.settings.vocabulary_rows):
            tokens = tokenise(rows.title, rows.text)
            counts = count(tokens, slots, FOUR, self.config.views.edge_tokens, size)
            np.add.at(rows_with, counts.segment // len(rows) * size + counts.ngram, 1)
            np.add.at(tokens_in, counts.number[: len(tokens.hash)], 1)
            seen += len(rows)
        known, chosen = {}, 0
        for view, rows_of in zip(FOUR, rows_with.reshape(-1, size), strict=True):
            space = getattr(self.config.views.spaces, view)
            ngrams = choose_slots(rows_of, space, self.settings.max_ngrams)
            if len(ngrams) == 0:
                raise TrainingError(f"too few rows: no n-gram of {view!r} occurs often enough")
            known[view] = ngrams, (np.log((1 + seen) / (1 + rows_of[ngrams])) + 1).astype("f4")
            chosen += len(ngrams)
        least = self.config.views.spaces.text.min_rows
        self.progress.say(f"{chosen:,} of {len(FOUR)} x {size:,} slots, by {seen:,} rows")
        return np.packbits(tokens_in >= least), known

    def _weigh(self, balance: Balance) -> FloatArray:
        return self._weights(self.sample, balance)

    def _weights(self, rows: Rows, balance: Balance) -> FloatArray:
        return streamed_weights(rows.rating, rows.review_key, balance, self.census.by_star)

    def _fit(self, balance: Balance) -> Fitted:
        by_star = self.census.by_star * star_weights(self.census.by_star, balance)
        learner = Learner(self.lookup, 1 << self.settings.slots, self.ngrams, self.config, by_star)
        learned = 0
        for rows in batches(self._training(), self.settings):
            learner.learn(rows, self._weights(rows, balance))
            learned += len(rows)
            if learned % SAID_ROWS < len(rows):
                self.progress.say(f"learned from {learned:,} of {self.census.training:,} rows")
        scores, counts, texts = self._judge(learner)
        self.progress.say(f"scored {len(scores):,} rows out of fold")
        if self.projection is None:  # no label in it: the same for every balance
            ngrams = self.ngrams[FOUR[0]][0]
            self.projection = fit_projection(texts, ngrams, self.config.topics, self.config.seed)
        folds = self.sample.folds(self.config.folds)
        examples = Examples(self.sample.rating, folds, self._weigh(balance))
        return ordinal.stack(learner.heads(), scores, counts, examples, self.config)

    def _judge(self, learner: Learner) -> tuple[FloatArray, FloatArray, Matrix]:
        """Out-of-fold scores and counts of the sample, and the texts of its first rows."""
        scores, counts, texts, seen = [], [], [], 0
        width = len(self.ngrams[FOUR[0]][0])  # the columns of the first view come first
        for rows in batches([self.sample], self.settings):
            batch = learner.count(rows)
            scores.append(learner.scores(batch, rows.folds(self.config.folds)))
            counts.append(batch.counts)
            if seen < self.config.topics.rows:
                texts.append(batch.features[: len(rows), :width])
            seen += len(rows)
        return np.concatenate(scores), np.concatenate(counts), vstack(texts, format="csr")

    def _parts(self, fitted: Fitted) -> Parts:
        assert self.projection is not None  # `_fit` came first
        return Parts(
            [],
            self.settings.slots,
            fitted.heads,
            fitted.stack,
            self.projection,
            self.config.views.edge_tokens,
            self.known,
        )


def first(parts: Iterable[Rows], most: int) -> Rows:
    """The first rows of all parts together."""
    found, count = [], 0
    for rows in parts:
        found.append(rows)
        count += len(rows)
        if count >= most:
            break
    return dataset.join(found).take(np.arange(min(count, most)))


def batches(parts: Iterable[Rows], settings: Streaming, most: int | None = None) -> Iterator[Rows]:
    """The rows of all parts in batches of one size (the last may be smaller), `most` in all.

    Where a part ends makes no difference: the same rows give the same batches.
    """
    held: list[Rows] = []
    left = math.inf if most is None else most
    for rows in parts:
        held.append(rows)
        together = dataset.join(held)
        size = settings.batch_rows
        for begin in range(0, len(together) - size + 1, size):
            if left <= 0:
                return
            yield together.take(np.arange(begin, begin + min(size, int(min(left, size)))))
            left -= size
        held = [together.take(np.arange(len(together) // size * size, len(together)))]
    if held and len(held[0]) and left > 0:
        yield held[0].take(np.arange(int(min(left, len(held[0])))))


def choose_slots(rows_with: NDArray[np.integer[Any]], space: Space, most: int) -> IntArray:
    """Slots that enough rows have, the commonest `most` of them, of equals the lower ones."""
    chosen = np.flatnonzero(rows_with >= space.min_rows)
    if len(chosen) > most:
        ranked = chosen[np.argsort(-rows_with[chosen], kind="stable")]
        chosen = np.sort(ranked[:most])
    return chosen
