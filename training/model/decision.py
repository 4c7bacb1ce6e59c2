"""From probabilities to stars: four decision rules, of which `train` chose one.

A rule sees nothing but P(1..5), and is recorded in the artefact. `training.fit.choose_rule`
chooses.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.errors import ConfigurationError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NAMES = ("argmax", "prior", "cost", "median")
STARS = np.arange(1, 6)
DISTANCE = np.abs(np.subtract.outer(STARS, STARS)).astype(np.float64)  # (5, 5)
MISS = (DISTANCE > 0).astype(np.float64)  # (5, 5)


def star_shares(counts: ArrayLike) -> FloatArray:
    """(5,) shares of stars of which there are so many; one that never occurs has half a row."""
    rows = np.maximum(np.asarray(counts, np.float64), 0.5)
    shares: FloatArray = rows / rows.sum()
    return shares


class DecisionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How stars are decided.

    argmax: the likeliest. median: the least absolute error expected.
    cost: the least of (1 - strength) * P(wrong) + strength * E|error|, 0 to 1; 1 is the median.
    prior: the likeliest after division by the training share of each star ** strength.
    """

    name: str
    strength: float = 0.0
    prior: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ConfigurationError(
                f"no decision rule {self.name!r}; there are {', '.join(NAMES)}"
            )
        if not 0.0 <= self.strength <= 1.0:
            raise ConfigurationError(f"the strength of {self.name} must lie from 0 to 1")

    def decide(self, probabilities: ArrayLike) -> IntArray:
        """Stars, 1 to 5, of (n, 5) probabilities. Of equals the fewer stars win."""
        p: FloatArray = np.asarray(probabilities, np.float64)
        if self.name == "argmax":
            best = p.argmax(axis=1)
        elif self.name == "prior":
            best = (p / np.asarray(self.prior) ** self.strength).argmax(axis=1)
        else:
            q = 1.0 if self.name == "median" else self.strength
            best = (p @ ((1.0 - q) * MISS + q * DISTANCE)).argmin(axis=1)  # (n, 5) costs
        stars: IntArray = best + 1
        return stars

    @property
    def label(self) -> str:
        """The name with its strength, as reports show it."""
        return f"{self.name} {self.strength:g}" if self.strength else self.name
