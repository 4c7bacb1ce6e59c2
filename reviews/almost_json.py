"""What programs write that is not quite JSON: a byte order mark, half an emoji, NaN.

JSON has no NaN and no Infinity, but Python's `json` writes them. A surrogate escape without its
other half comes of text that was cut between the two; it is no character.
"""

import re

BOM = b"\xef\xbb\xbf"

# Every escape is consumed whole, so that `\\ud83d` after a backslash is none.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# Every string is consumed whole, also one that does not end.
_NUMBER = re.compile(
    rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|(?P<number>-?\b(?:NaN|Infinity)\b)', re.DOTALL
)

# U+FFFD as nobody else spells it: so a field that holds it was changed by us.
REPLACEMENT = b"\\uFFfd"


def find_half_surrogate(text: bytes) -> int | None:
    """Where the first surrogate escape without its other half begins."""
    if b"\\ud" not in text and b"\\uD" not in text:
        return None
    return next((m.start() for m in _ESCAPE.finditer(text) if m["half"]), None)


def find_nan(text: bytes) -> int | None:
    """Where the first NaN or Infinity stands that is in no string."""
    if b"NaN" not in text and b"Infinity" not in text:
        return None
    return next((m.start() for m in _NUMBER.finditer(text) if m["number"]), None)


def repair(text: bytes) -> bytes:
    """Put U+FFFD for half an emoji; for NaN and Infinity an empty object, which is no value."""
    if find_half_surrogate(text) is not None:
        text = _ESCAPE.sub(lambda m: REPLACEMENT if m["half"] else m[0], text)
    if find_nan(text) is not None:
        text = _NUMBER.sub(lambda m: b"{}" if m["number"] else m[0], text)
    return text
