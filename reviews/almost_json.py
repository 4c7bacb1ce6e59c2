"""What programs write that is not quite JSON: a byte order mark, half an emoji, NaN, literals.

JSON has no NaN and no Infinity, but Python's `json` writes them. A surrogate escape without its
other half comes of text that was cut between the two; it is no character. Python literals are what
`print` leaves of a dict; the files of 2014 are lines of them.
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


_LITERAL_START = re.compile(rb"\{\s*[uU]?'")
# Every string is consumed whole, also one that does not end in its line.
_LITERAL_TOKEN = re.compile(
    rb"[uU]?(?:'(?P<single>(?:[^'\\\n]++|\\.)*+)(?:'|\\?(?=\n|\Z))"
    rb"|\"(?P<double>(?:[^\"\\\n]++|\\.)*+)(?:\"|\\?(?=\n|\Z)))"
    rb"|\b(?P<name>True|False|None)\b"
)
# What JSON has too goes by in one piece, however long: a call for each escape would cost as much as
# all the rest of a line that is all escapes.
_LITERAL_CHARACTERS = re.compile(
    rb"(?P<same>(?:[^\\\"]++|\\(?:u[0-9a-fA-F]{4}|[\\\"nrtbf]))*+)"
    rb"(?:\\(?:x(?P<byte>[0-9a-fA-F]{2})|U(?P<code>[0-9a-fA-F]{8})"
    rb"|(?P<octal>[0-7]{1,3})|(?P<other>.))|(?P<quote>\")|$)",
    re.DOTALL,
)
_NAMES = {b"True": b"true", b"False": b"false", b"None": b"null"}
_OTHERS = {b"'": b"'", b"a": b"\\u0007", b"v": b"\\u000b"}


def is_literal(line: bytes) -> bool:
    """Whether a line begins as a Python dict does, and as JSON never does."""
    return _LITERAL_START.match(line) is not None


def from_literal(lines: bytes) -> bytes:
    """Python dicts of texts, numbers, lists, True, False and None, one a line, as JSON.

    Nothing is evaluated. What is no such dict comes out as no JSON; newlines stay where they are.
    """
    return _LITERAL_TOKEN.sub(_json_token, lines)


def _json_token(found: re.Match[bytes]) -> bytes:
    if name := found["name"]:
        return _NAMES[name]
    inside = found["single"] if found["double"] is None else found["double"]
    if b"\\" in inside:
        return b'"' + _LITERAL_CHARACTERS.sub(_json_characters, inside) + b'"'
    return b'"' + inside.replace(b'"', b'\\"') + b'"'


def _json_characters(found: re.Match[bytes]) -> bytes:
    return found["same"] + _json_character(found)


def _json_character(found: re.Match[bytes]) -> bytes:
    """What stands behind the part that is the same, as JSON."""
    if found["quote"]:
        return b'\\"'
    if found["byte"]:
        return b"\\u00" + found["byte"]
    if found["octal"]:
        return b"\\u%04x" % int(found["octal"], 8)
    if found["code"]:
        code = int(found["code"], 16)
        if code > 0x10FFFF:
            return b"\\U" + found["code"]
        return b"\\u%04x" % code if code < 0x10000 else chr(code).encode()
    other = found["other"]
    return b"" if other is None else _OTHERS.get(other, b"\\\\" + other)
