"""How many rows there are of what, and whether a model can come of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.config import ModelConfig
from training.data.dataset import Rows
from training.errors import TrainingError
from training.features.tokens import IntArray

MIN_HOLD_OUT_ROWS = 2  # a baseline has a spread


@dataclass(frozen=True)
class RowCounts:
    """Rows, each review once. by_fold: (folds, 5) those to learn from, by fold and star."""

    read: int
    hold_out: int
    by_fold: IntArray
    languages: dict[str, int]

    @property
    def by_star(self) -> IntArray:
        """(5,) rows to learn from."""
        stars: IntArray = self.by_fold.sum(axis=0)
        return stars

    @property
    def training(self) -> int:
        """Rows to learn from."""
        return int(self.by_fold.sum())

    def to_dict(self) -> dict[str, Any]:
        """The `rows` of model.json."""
        return {
            "read": self.read,
            "training": self.training,
            "hold_out": self.hold_out,
            "training_by_star": self.by_star.tolist(),
            "languages": self.languages,
        }


def training_rows(rows: Rows, config: ModelConfig) -> Rows:
    """Of these rows, those to learn from."""
    return rows.take(~rows.held_out & rows.in_languages(config.languages))


def count_rows(parts: Iterable[Rows], config: ModelConfig) -> RowCounts:
    """Count the rows of all parts; no review may stand in two of them."""
    read = hold_out = 0
    by_fold = np.zeros((config.folds, 5), np.int64)
    languages: Counter[str] = Counter()
    for rows in parts:
        read += len(rows)
        hold_out += int(rows.held_out.sum())
        languages.update(rows.language_labels(config.languages).tolist())
        to_learn = training_rows(rows, config)
        np.add.at(by_fold, (to_learn.folds(config.folds), to_learn.rating - 1), 1)
    return RowCounts(read, hold_out, by_fold, dict(sorted(languages.items())))


def check(counts: RowCounts, config: ModelConfig) -> None:
    """Raise TrainingError where no model can come of so few rows, or of so much alike."""
    if counts.training < config.min_training_rows:
        languages = ", ".join(f"{code} {n}" for code, n in counts.languages.items())
        raise TrainingError(
            f"too few rows: {counts.training} to learn from in {', '.join(config.languages)} and "
            f"und, at least {config.min_training_rows} are needed: add reviews "
            f"(of {counts.read} rows {counts.hold_out} are held out; by language: {languages})"
        )
    if counts.hold_out < MIN_HOLD_OUT_ROWS:
        raise TrainingError(
            f"too few users: the hold-out, a fifth of them, has {counts.hold_out} of "
            f"{counts.read} rows, at least {MIN_HOLD_OUT_ROWS} are needed: add reviews by others"
        )
    occurs = counts.by_star > 0
    if occurs.sum() < 2:
        raise TrainingError(
            f"one class: every row to learn from has {int(occurs.argmax()) + 1} stars: add others"
        )
    for fold in range(config.folds):
        left = int(np.count_nonzero(counts.by_star - counts.by_fold[fold]))
        if left < 2:
            stars = "one star" if left else "no row"
            raise TrainingError(
                f"too few users: without fold {fold} of {config.folds} {stars} is left to learn "
                "from: add reviews by other users"
            )
