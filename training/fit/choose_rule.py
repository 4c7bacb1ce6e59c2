"""Which decision rule turns a model's probabilities into stars: chosen out of fold.

The hold-out takes no part; the chosen rule is recorded in the artefact.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from training.evaluation.metrics import headline
from training.features.tokens import FloatArray, IntArray
from training.model.decision import DecisionRule, star_shares


def candidates(rules: Sequence[DecisionRule], ratings: IntArray) -> list[DecisionRule]:
    """The decision rules of the configuration, each `prior` with the shares of these ratings."""
    prior = tuple(star_shares(np.bincount(ratings, minlength=6)[1:6]).tolist())
    return [msgspec.structs.replace(r, prior=prior) if r.name == "prior" else r for r in rules]


def utility(metrics: Mapping[str, float]) -> float:
    """One number for a rule: accuracy + macro-F1 + QWK - MAE, each already about as wide."""
    return metrics["accuracy"] + metrics["macro_f1"] + metrics["qwk"] - metrics["mae"]


def choose(
    rules: Sequence[DecisionRule],
    ratings: IntArray,
    probabilities: FloatArray,
    accuracy_slack: float,
) -> DecisionRule:
    """The rule of highest utility among those within `accuracy_slack` of the best accuracy.

    Of equals the first one wins. ratings: (n,). probabilities: (n, 5) of rows that no fit behind
    them saw.
    """
    metrics = [headline(ratings, rule.decide(probabilities)) for rule in rules]
    floor = max(m["accuracy"] for m in metrics) - accuracy_slack
    allowed = [i for i, m in enumerate(metrics) if m["accuracy"] >= floor]
    return rules[max(allowed, key=lambda i: utility(metrics[i]))]
