"""From probabilities to stars: four rules, and how one of them is chosen.

A rule sees nothing but P(1..5). It is chosen on out-of-fold probabilities, never on the hold-out,
and recorded in the artefact.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.errors import ConfigurationError
from training.evaluation.metrics import headline

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NAMES = ("argmax", "prior", "cost", "median")
STARS = np.arange(1, 6)
DISTANCE = np.abs(np.subtract.outer(STARS, STARS)).astype(np.float64)
MISS = (DISTANCE > 0).astype(np.float64)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
            raise ConfigurationError(f"no rule {self.name!r}; there are {', '.join(NAMES)}")
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
            best = (p @ ((1.0 - q) * MISS + q * DISTANCE)).argmin(axis=1)
        stars: IntArray = best + 1
        return stars

    @property
    def label(self) -> str:
        """The name with its strength, as reports show it."""
        return f"{self.name} {self.strength:g}" if self.strength else self.name


def candidates(rules: Sequence[Rule], ratings: IntArray) -> list[Rule]:
    """The rules of the configuration, each `prior` with the shares of these ratings.

    A star that never occurs counts as half a row.
    """
    counts = np.maximum(np.bincount(ratings, minlength=6)[1:6], 0.5)
    prior = tuple(float(share) for share in counts / counts.sum())
    return [msgspec.structs.replace(r, prior=prior) if r.name == "prior" else r for r in rules]


def utility(figures: dict[str, float]) -> float:
    """One number for a rule: accuracy + macro-F1 + QWK - MAE, each already about as wide."""
    return figures["accuracy"] + figures["macro_f1"] + figures["qwk"] - figures["mae"]


def choose(
    rules: Sequence[Rule], ratings: IntArray, probabilities: FloatArray, accuracy_slack: float
) -> Rule:
    """The rule of highest utility among those within `accuracy_slack` of the best accuracy.

    Of equals the first one wins. ratings, probabilities: rows that no fit behind them saw.
    """
    figures = [headline(ratings, rule.decide(probabilities)) for rule in rules]
    floor = max(f["accuracy"] for f in figures) - accuracy_slack
    allowed = [i for i, f in enumerate(figures) if f["accuracy"] >= floor]
    return rules[max(allowed, key=lambda i: utility(figures[i]))]
