"""Whether a model answers the same on every path: in batches, alone, and as when it was made."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.dataset import Rows
from training.model import StarModel

ALONE_ROWS = 200  # asked one by one
ALONE_TOLERANCE = 1e-6  # largest difference of a probability between the two forms
GOLDEN_TOLERANCE = 1e-5  # the same between machines


def check(
    model: StarModel, folder: Path, rows: Rows, probabilities: NDArray[np.float64]
) -> dict[str, Any]:
    """Compare the answers of one batch with those one by one, and with golden.jsonl.

    probabilities: of the rows, as they were scored in batches. Returns for `alone` and `golden`
    the rows asked and the largest difference, and `passed` for both.
    """
    step = max(1, len(rows) // ALONE_ROWS)
    places = range(0, len(rows), step)
    alone = [model.probabilities([rows.title[i]], [rows.text[i]])[0] for i in places]
    differences = [
        float(np.abs(p - probabilities[i]).max()) for p, i in zip(alone, places, strict=True)
    ]
    golden = _golden(model, folder)
    largest = max(differences, default=0.0)
    passed = largest <= ALONE_TOLERANCE and golden["largest_difference"] <= GOLDEN_TOLERANCE
    return {
        "passed": bool(passed and golden["stars_differ"] == 0),
        "alone": {"rows": len(differences), "largest_difference": largest},
        "golden": golden,
    }


def _golden(model: StarModel, folder: Path) -> dict[str, Any]:
    path = folder / "golden.jsonl"
    lines = path.read_bytes().splitlines() if path.is_file() else []
    answers = [msgspec.json.decode(line) for line in lines]
    if not answers:
        return {"rows": 0, "largest_difference": 0.0, "stars_differ": 0}
    asked = model.probabilities([a["title"] for a in answers], [a["text"] for a in answers])
    recorded = np.array([a["probabilities"] for a in answers])
    stars = np.array([a["stars"] for a in answers])
    return {
        "rows": len(answers),
        "largest_difference": _largest(asked, recorded),
        "stars_differ": int((model.decide(asked) != stars).sum()),
    }


def _largest(asked: NDArray[np.float64], recorded: NDArray[np.float64]) -> float:
    return float(np.abs(asked - recorded).max())
