"""Plain conversions of values of another type: a number for a text, `2.0` for an integer."""

import re

GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
INTEGER = re.compile(r"[+-]?[0-9]{1,19}(?:\.0+)?")
EXACT = 2.0**53  # up to here a float holds every integer
BOOLEANS = {
    "true": True, "yes": True, "y": True, "t": True, "1": True,
    "false": False, "no": False, "n": False, "f": False, "0": False,
    "verified": True, "verified purchase": True, "unverified": False, "not verified": False,
}  # fmt: skip


def to_text(value: object) -> str | None:
    """A text as it is, a number by its digits; None for all else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    return str(value)


def to_integer(value: object, bits: int) -> int | None:
    """A whole number, or a text of one; None for all else, and beyond the bits (sign included)."""
    if isinstance(value, str) and INTEGER.fullmatch(value.strip()):
        value = int(value.strip().partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else None


def to_votes(value: object) -> int | None:
    """A whole number as `to_integer` takes it, or a text of one with commas: `1,234`."""
    if isinstance(value, str) and GROUPED.fullmatch(value.strip()):
        value = value.replace(",", "")
    return to_integer(value, bits=32)


def from_seconds(value: object) -> int | None:
    """Milliseconds of whole seconds, as `to_integer` takes them."""
    seconds = to_integer(value, bits=64)
    return None if seconds is None else to_integer(seconds * 1000, bits=64)


def to_boolean(value: object) -> bool | None:
    """True, false, 1, 0, and texts that say so, such as `true` and `N`; None for all else."""
    if isinstance(value, bool):
        return value
    text = to_text(value)
    return None if text is None else BOOLEANS.get(text.strip().lower())
