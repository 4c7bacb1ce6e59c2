"""A whole Evaluation of made-up answers, for tests of what reads it."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.evaluation import compare, metrics, slices
from training.evaluation.evaluation import (
    BehaviourResult,
    Champion,
    Evaluation,
    GoldenCheck,
    ParityCheck,
    ParityChecks,
)
from training.evaluation.gate import GateSettings, judge
from training.evaluation.metrics import IntArray

GATE = {
    "full_rows": 10_000,
    "champion_margin": 0.006,
    "champion_metrics": ["accuracy", "macro_f1", "mae", "qwk", "within_one"],
    "slices": {"min_rows": 400, "majority_errors": 2, "champion_errors": 3},
    "full": [{"metric": "accuracy", "at_least": 0.9}],
    "usual_majorities": [0, 1],
    "relative": [],
    "smoke": [{"metric": "accuracy", "at_least": 0.9}, {"metric": "mae", "at_most": 1.0}],
    "behaviour": [],
}


def make_evaluation(rows: int = 400) -> Evaluation:
    """Every field is filled; its gate refuses: accuracy is below 0.9."""
    rng = np.random.default_rng(0)
    truth, bucket = rng.integers(1, 6, rows), rng.integers(0, 20, rows)
    stars, theirs = (_answer(rng, truth, share) for share in (0.7, 0.5))
    sure = np.eye(5)[stars - 1] * 0.6 + 0.08  # (n, 5)
    found = metrics.measure(truth, stars, sure)
    champion = metrics.measure(truth, theirs, sure)
    check = ParityCheck(300, 1e-15)
    return Evaluation(
        **_fields(found),
        spread=compare.spreads(truth, stars, sure, bucket) | {"ece": None},
        spread_method="made up",
        scope="hold-out",
        drawn_from=0,
        other_languages=7,
        slices=slices.measure(
            truth,
            stars,
            sure,
            {"language": np.full(rows, "en"), "length and language": _halves(rows)},
            theirs,
        ),
        slice_method="made up",
        behaviour=[BehaviourResult("negation", "it falls", 40, 0.9, 0.8, 0.5, ["a | b"])],
        calibration=metrics.calibration(truth, sure),
        selective=metrics.selective(truth, stars, sure),
        parity_checks=ParityChecks(True, check, check, GoldenCheck(50, 1e-16, 0)),
        champion=Champion(
            **_fields(compare.compare(truth, stars, theirs, bucket)),
            metrics=champion,
            provenance={"dataset_id": "d-0"},
        ),
        gate=judge(found, GateSettings.from_mapping(GATE), champion),
        provenance={"dataset_id": "d-1", "git_commit": "0" * 40},
    )


def _halves(rows: int) -> NDArray[np.str_]:
    labels = np.full(rows, "4 to 7 words and en", "U40")
    labels[: rows // 2] = "8 to 15 words and en"
    return labels


def _answer(rng: np.random.Generator, truth: IntArray, share: float) -> IntArray:
    """Stars of which that share is right, and of the others what chance gives."""
    return np.where(rng.random(len(truth)) < share, truth, rng.integers(1, 6, len(truth)))


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(struct)
