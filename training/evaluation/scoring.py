"""Rows with the answers of a model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Rows
from training.evaluation import metrics
from training.evaluation.evaluation import Metrics
from training.model.star_model import StarModel

CHUNK_ROWS = 4096  # reviews scored at a time: keeps memory flat and progress alive


@dataclass(frozen=True)
class Scored:
    """Rows with a model's answers: probabilities (n, 5) and stars (n,)."""

    rows: Rows
    probabilities: NDArray[np.float64]
    stars: NDArray[np.int64]

    def take(self, mask: NDArray[np.bool_]) -> "Scored":
        """The rows that the mask names."""
        return Scored(self.rows.take(mask), self.probabilities[mask], self.stars[mask])

    def metrics(self) -> Metrics:
        """How good the answers are."""
        return metrics.measure(self.rows.rating, self.stars, self.probabilities)


def score(model: StarModel, rows: Rows, log: Callable[[str], None]) -> Scored:
    """Every row's probabilities and stars, in order."""
    parts = [np.zeros((0, metrics.CLASSES))]
    for start in range(0, len(rows), CHUNK_ROWS):
        end = start + CHUNK_ROWS
        verified = rows.verified_purchase[start:end]
        parts.append(model.probabilities(rows.title[start:end], rows.text[start:end], verified))
        if start and start % (CHUNK_ROWS * 8) == 0:
            log(f"scored {start:,} of {len(rows):,}")
    probabilities = np.concatenate(parts)  # (n, 5)
    return Scored(rows, probabilities, np.asarray(model.decide(probabilities), np.int64))
