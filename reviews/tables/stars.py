"""Stars as people write them: `4.0 out of 5 stars`, `5/5`, `★★★★☆`, `4,0`, `4 Sterne`."""

import re
from dataclasses import dataclass
from math import isfinite

SCALE = 5.0
_NUMBER = r"[0-9]{1,6}(?:[.,][0-9]{1,6})?"
_STARS = r"(?:stars?|sterne?n?|étoiles?|estrell?as?|estrelas?|stell[ae]|つ星|颗星|星)"
_PLAIN = re.compile(rf"(?P<stars>[+-]?{_NUMBER})\s*{_STARS}?", re.IGNORECASE)
_OF = re.compile(
    rf"(?P<stars>{_NUMBER})\s*(?:/|out of|of|von|de|sur|su|van)\s*(?P<scale>{_NUMBER})\s*{_STARS}?"
    rf"|(?P<scale_ja>{_NUMBER})つ星のうち(?P<stars_ja>{_NUMBER})"
    rf"|(?P<stars_zh>{_NUMBER})\s*颗星[,，]\s*最多\s*(?P<scale_zh>{_NUMBER})\s*颗星",
    re.IGNORECASE,
)
_FULL, _EMPTY, _HALF = "★⭐🌟", "☆✩", "½"
_SIGNS = re.compile(f"[{_FULL}]*{_HALF}?[{_EMPTY}]*")
_SPACES = re.compile(r"[\s\ufe0f]+")  # U+FE0F: the sign before it is to be shown as a picture


@dataclass(frozen=True, slots=True)
class Stars:
    """A number of stars, and of how many there can be: 5 where nothing is said."""

    value: float
    scale: float = SCALE


def read_stars(value: object) -> Stars | None:
    """The stars that a value says; None where it says none, or not plainly."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Stars(float(value)) if isfinite(value) else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if found := _PLAIN.fullmatch(text):
        return Stars(_float(found["stars"]))
    if found := _OF.fullmatch(text):
        stars = found["stars"] or found["stars_ja"] or found["stars_zh"]
        scale = found["scale"] or found["scale_ja"] or found["scale_zh"]
        return Stars(_float(stars), _float(scale))
    return _from_signs(_SPACES.sub("", text))


def _from_signs(signs: str) -> Stars | None:
    """Signs alone: full ones, a half, empty ones; with empty ones they say the scale, too."""
    if not signs or not _SIGNS.fullmatch(signs):
        return None
    empty = sum(map(signs.count, _EMPTY))
    half = signs.count(_HALF)
    full = len(signs) - empty - half
    return Stars(full + half / 2, float(len(signs)) if empty else SCALE)


def _float(text: str) -> float:
    return float(text.replace(",", "."))
