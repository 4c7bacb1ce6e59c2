"""Which language a review is in: `detectors` says what is asked, and in which order."""

from reviews.language.detectors import (
    CERTAIN_ENGLISH,
    DEFAULT,
    DETECTORS,
    detect,
    detect_many,
    find_detector,
    identifier,
)
from reviews.language.prediction import UNDETERMINED, UNKNOWN, Prediction
from reviews.language.short import is_learned

__all__ = [
    "CERTAIN_ENGLISH",
    "DEFAULT",
    "DETECTORS",
    "UNDETERMINED",
    "UNKNOWN",
    "Prediction",
    "detect",
    "detect_many",
    "find_detector",
    "identifier",
    "is_learned",
]
