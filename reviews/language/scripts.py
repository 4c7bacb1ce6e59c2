"""In which script a sample is written, and which languages are written so.

A detector answers with a language that it knows, also where it knows none of the sample's script:
of 640 Bengali texts one with 25 languages called 632 English. So the script has the last word.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from reviews.language.prediction import Prediction

# Of every script but the Latin one: the languages that are written in it, as detectors name them.
# The first is the one taken where a detector answers with none of them.
LANGUAGES = {
    "ARABIC": "ar fa ur ps ug sd ckb ku azb arz ary pnb mzn lrc sdh uzs ks",
    "ARMENIAN": "hy",
    "BENGALI": "bn as bpy",
    "CHEROKEE": "chr",
    "CJK": "zh ja yue wuu wu",
    "CYRILLIC": "ru uk be bg sr mk mn kk ky tg tt ba cv ce os ab av bxr krc kv mhr mrj myv sah tyv "
    "udm xal lez rue crh sh uz az",
    "DEVANAGARI": "hi mr ne sa bh mai gom new dty bho",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka xmf",
    "GREEK": "el grc",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he yi hbo",
    "KANA": "ja",
    "KANNADA": "kn tcy",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MONGOLIAN": "mn",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "SYRIAC": "syr",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAANA": "dv",
    "THAI": "th",
    "TIBETAN": "bo dz",
    "YI": "ii",
}
LATIN = "LATIN"
UNCODED = "mis"  # ISO 639: a language without a code; here, of a script that is not in the table
MIN_LETTERS = 4  # of a script without which a sample is too short to detect anything

# What begins the Unicode name of a letter says its script, but for these.
SCRIPT_OF_NAME = {
    "BOPOMOFO": "CJK",
    "HIRAGANA": "KANA",
    "KATAKANA": "KANA",
    "KATAKANA-HIRAGANA": "KANA",
    "MATHEMATICAL": LATIN,
    "DOUBLE-STRUCK": LATIN,
}
SHARED = {"COMBINING", "VARIATION", "MODIFIER", "IDEOGRAPHIC", "VERTICAL"}  # of any script
WIDTHS = ("FULLWIDTH ", "HALFWIDTH ")
# Letters of another script than the Latin one lie here, and only here: emoji, curly quotes and
# accents do not.
MAYBE_FOREIGN = re.compile(
    "[\u0370-\u1cff\u1d26-\u1d2b\u1d66-\u1d6a\u1f00-\u1fff\u2c00-\u2c5f\u2c80-\u2dff\u2e80-\ua71f"
    "\ua800-\uab2f\uab65\uab70-\ud7ff\uf900-\ufaff\ufb13-\ufdff\ufe70-\ufefe\uff66-\uffdc"
    "\U00010000-\U0001d0ff\U0001e030-\U0001e08f\U0001e100-\U0001eeff\U00020000-\U0003ffff]"
)


def foreign_script(sample: str, min_letters: int = MIN_LETTERS) -> str:
    """The script of most letters, if it is another one than the Latin script; else nothing.

    Han characters and kana count together: as KANA where that is a fifth of them, as in Japanese.
    """
    if sample.isascii() or not MAYBE_FOREIGN.search(sample):
        return ""
    letters = Counter(map(_script, sample))
    del letters[""]
    if kana := letters.pop("KANA", 0):
        han = letters.pop("CJK", 0)
        letters["KANA" if kana * 4 >= han else "CJK"] = kana + han
    script, count = max(letters.items(), key=lambda item: item[1], default=("", 0))
    is_foreign = script != LATIN and count >= min_letters and count > letters[LATIN]
    return script if is_foreign else ""


def in_its_script(sample: str, prediction: Prediction) -> Prediction:
    """A detector's answer, or the main language of the script where that is not written so."""
    script = foreign_script(sample)
    if not script:
        return prediction
    languages = LANGUAGES.get(script, UNCODED).split()
    return prediction if prediction[0] in languages else (languages[0], None)


@lru_cache(maxsize=1 << 14)
def _script(character: str) -> str:
    """The script of a letter or of a mark that belongs to one; nothing for all others."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    name = unicodedata.name(character, "")
    for width in WIDTHS:
        name = name.removeprefix(width)
    first = name.partition(" ")[0]
    return "" if first in SHARED else SCRIPT_OF_NAME.get(first, first)
