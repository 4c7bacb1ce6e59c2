"""Whether a model answers the same on every path: in batches, alone, slowly, and when made."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from reviews.clean import TEXT_RULES
from reviews.golden import GOLDEN_FILE, GOLDEN_TOLERANCE, GoldenLine
from reviews.verified import CODES
from training.data.dataset import Rows
from training.evaluation import reference
from training.evaluation.evaluation import GoldenCheck, ParityCheck, ParityChecks
from training.model import artefact
from training.model.star_model import StarModel

ASKED_ROWS = 300
TOLERANCE = 1e-6  # largest difference of a probability between two paths on one machine


def check(
    model: StarModel, folder: Path, rows: Rows, probabilities: NDArray[np.float64]
) -> ParityChecks:
    """Compare answers given in batches with three others; `passed` where all are near enough.

    probabilities: of the rows, as they were scored in batches.
    """
    some = np.arange(0, len(rows), max(1, len(rows) // ASKED_ROWS))
    asked, batched = rows.take(some), probabilities[some]
    single = [
        model.probabilities([title], [text], [said])
        for title, text, said in zip(
            asked.title, asked.text, asked.verified_purchase.tolist(), strict=True
        )
    ]
    one_by_one = _difference(np.concatenate(single), batched)
    by_reference = _reference(folder, asked, batched)
    golden = _golden(model, folder)
    passed = (
        one_by_one.largest_difference <= TOLERANCE
        and by_reference.largest_difference <= TOLERANCE
        and golden.largest_difference <= GOLDEN_TOLERANCE
        and golden.stars_differ == 0
    )
    return ParityChecks(passed, one_by_one, by_reference, golden)


def _reference(folder: Path, rows: Rows, probabilities: NDArray[np.float64]) -> ParityCheck:
    parts = artefact.read_parts(folder, artefact.read_manifest(folder, TEXT_RULES))
    return _difference(
        reference.probabilities(parts, rows.title, rows.text, rows.verified_purchase.tolist()),
        probabilities,
    )


def _golden(model: StarModel, folder: Path) -> GoldenCheck:
    lines = (folder / GOLDEN_FILE).read_bytes().splitlines()
    answers = [msgspec.json.decode(line, type=GoldenLine) for line in lines]
    said = [CODES[a.verified_purchase] for a in answers]
    asked = model.probabilities([a.title for a in answers], [a.text for a in answers], said)
    recorded = np.array([a.probabilities for a in answers]).reshape(len(answers), 5)
    stars = np.array([a.stars for a in answers])
    largest = _difference(asked, recorded).largest_difference
    return GoldenCheck(len(asked), largest, int((model.decide(asked) != stars).sum()))


def _difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> ParityCheck:
    return ParityCheck(len(one), float(np.abs(one - other).max(initial=0.0)))
