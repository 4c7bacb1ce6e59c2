"""A model as the rest of the house sees it: words in, probabilities, stars and reasons out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring.observations import Observations

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Contribution:
    """What one part of a review adds to the logit of the decided stars.

    field: `title` or `text` with its words, a count such as `length`, or `constant`.
    """

    field: str
    words: str
    contribution: float


class StarModel:
    """A trained model, read from its folder. Words must have been cleaned by `reviews.clean`."""

    languages: tuple[str, ...]
    version_info: dict[str, Any]  # model.json

    @classmethod
    def load(cls, folder: Path) -> "StarModel":
        """Read a model folder. Raises ArtefactError with a sentence for anything unsound."""
        raise NotImplementedError

    def probabilities(self, titles: Sequence[str], texts: Sequence[str]) -> FloatArray:
        """(n, 5) P(1..5), one star first; rows sum to 1."""
        raise NotImplementedError

    def decide(self, probabilities: ArrayLike) -> IntArray:
        """Stars, 1 to 5, by the rule that `train` chose."""
        raise NotImplementedError

    def observe(
        self,
        titles: Sequence[str],
        texts: Sequence[str],
        *,
        languages: Sequence[str],
        markup: ArrayLike,
    ) -> tuple[FloatArray, Observations]:
        """(n, 5) probabilities, and what monitoring keeps of the same reviews."""
        raise NotImplementedError

    def explain(self, title: str, text: str) -> list[Contribution]:
        """The parts of the decided stars' logit, largest first; they sum to it exactly."""
        raise NotImplementedError
