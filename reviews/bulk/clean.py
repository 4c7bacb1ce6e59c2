"""`clean.visible` and `clean.tidy` for all strings of a chunk.

All strings stand in one buffer, each ended by a zero byte. One `translate` classes every byte; from
the few that matter numpy finds the strings that need Python. Blanks are squeezed in the buffer
itself. Shapes: n strings, b bytes of the buffer, k bytes that matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reviews.clean import tidy

Places = NDArray[Any]

BLANK, DOT, SLASH, COLON, BRACKET, AMPERSAND, LESS = b" ./:[&<"
TWO_BLANKS = 0x2020  # as one 16-bit integer
LOWER_W = ord("w")
LOOK, MAYBE_WWW = 1, 2


def _classes(looked_at: str) -> bytes:
    """A table for `translate`: LOOK for control bytes and those of `looked_at`, MAYBE_WWW for w."""
    look = {*range(32), *looked_at.encode()}
    return bytes(LOOK if i in look else MAYBE_WWW if i in b"wW" else 0 for i in range(256))


RAW, VISIBLE = _classes(":[&<"), _classes(":[")


@dataclass(slots=True)
class Scan:
    """What was seen in a buffer of strings.

    buffer: (b,). ends: (n,), where the zero byte of each string stands. marked: numbers of the
    strings with `&` or `<`. unclean: of those from which more than double blanks may have to be
    removed. has_zero: whether some string holds a zero byte of its own.
    """

    buffer: NDArray[np.uint8]
    ends: Places
    marked: list[int]
    unclean: list[int]
    has_zero: bool


@dataclass(slots=True)
class Joined:
    """Strings as Arrow has them: string i is `data[offsets[i]:offsets[i + 1]]`, in UTF-8."""

    data: bytes
    offsets: NDArray[np.int32]

    def strings(self, first: int, end: int) -> list[bytes]:
        """Some of the strings."""
        data, o = self.data, self.offsets[first : end + 1].tolist()
        return [data[a:b] for a, b in pairwise(o)]


def scan(strings: Sequence[str], *, table: bytes = RAW) -> Scan:
    """Look at every byte once.

    Strings that are not ASCII or hold a zero byte are empty in the buffer, so that their ends stay
    in place, and are all unclean.
    """
    aside = [i for i, string in enumerate(strings) if not string.isascii()]
    buffer, looked, ends, w = _lay_out(strings, aside, table)
    has_zero = len(ends) != len(strings)
    if has_zero:
        aside = [i for i, string in enumerate(strings) if not string.isascii() or "\0" in string]
        buffer, looked, ends, w = _lay_out(strings, aside, table)
    byte = buffer[looked]  # (k,)
    is_markup = (byte == AMPERSAND) | (byte == LESS)
    # A byte belongs to the first string that ends behind it.
    marked = np.unique(np.searchsorted(ends, looked[is_markup])).tolist()
    marked += [i for i in aside if "&" in strings[i] or "<" in strings[i]]
    is_unclean = is_markup | (byte < BLANK) | _is_link_or_mark(buffer, looked, byte)
    suspects = np.concatenate((looked[is_unclean], w[_is_www(buffer, w)]))
    unclean = set(np.searchsorted(ends, suspects).tolist())
    unclean.update(aside, _begin_with_blank(buffer, ends))
    return Scan(buffer, ends, marked, sorted(unclean), has_zero)


def squeeze(strings: Sequence[str], seen: Scan, *, deep: bool = False) -> Joined:
    """What `clean.tidy` makes of each string.

    strings: visible ones; those that were marked may have changed since the scan. deep: whether
    the unclean ones were scanned a second time, so that only Python is left for them.
    """
    plain = _without_double_blanks(seen.buffer, seen.ends)
    if not seen.unclean:
        return plain
    again = [strings[i] for i in seen.unclean]
    if deep:
        parts = [tidy(string).encode() for string in again]
    else:
        rest = squeeze(again, scan(again, table=VISIBLE), deep=True)
        parts = rest.strings(0, len(again))
    return _put_in(plain, seen.unclean, parts)


def _lay_out(
    strings: Sequence[str], aside: list[int], table: bytes
) -> tuple[NDArray[np.uint8], Places, Places, Places]:
    """-> (buffer, (b,); places of the bytes that matter, (k,); ends, (n,); first of two w)."""
    laid = [*strings, ""]  # the last one ends nothing: it gives the string before it a zero byte
    for i in aside:
        laid[i] = ""
    text = "\0".join(laid).encode()
    kind = np.frombuffer(text.translate(table), np.uint8)  # (b,)
    buffer = np.frombuffer(bytearray(text), np.uint8)
    looked = np.flatnonzero(kind == LOOK)
    is_end = buffer[looked] == 0
    is_w = kind == MAYBE_WWW
    return buffer, looked[~is_end], looked[is_end], np.flatnonzero(is_w[1:] & is_w[:-1])


def _is_link_or_mark(
    buffer: NDArray[np.uint8], places: Places, byte: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Where `[[` or `://` begins, (k,). Every string ends in a zero byte: the next byte exists."""
    second = buffer[places + 1]
    is_link: NDArray[np.bool_] = (byte == COLON) & (second == SLASH)
    is_link &= buffer.take(places + 2, mode="clip") == SLASH
    is_link |= (byte == BRACKET) & (second == BRACKET)
    return is_link


def _is_www(buffer: NDArray[np.uint8], w: Places) -> NDArray[np.bool_]:
    """Where two w are followed by `w.`, in capitals or not."""
    third, fourth = buffer.take(w + 2, mode="clip"), buffer.take(w + 3, mode="clip")
    is_www: NDArray[np.bool_] = ((third | BLANK) == LOWER_W) & (fourth == DOT)
    return is_www


def _begin_with_blank(buffer: NDArray[np.uint8], ends: Places) -> list[int]:
    """Numbers of the strings whose first byte is a blank."""
    starts = np.empty_like(ends)  # (n,)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    return np.flatnonzero(buffer[starts] == BLANK).tolist()


def _without_double_blanks(buffer: NDArray[np.uint8], ends: Places) -> Joined:
    """Make one blank of each run and remove those at the ends. Changes the buffer.

    Of two neighbouring blanks the first is dropped, so of a run the last one stays. The pairs are
    compared as 16-bit integers: those at even places, then those at odd ones. Dropped blanks become
    zero bytes, which go with the ends of the strings.
    """
    even = buffer[: len(buffer) & ~1].view("<u2") == TWO_BLANKS
    odd = buffer[1 : len(buffer) - 1 + (len(buffer) & 1)].view("<u2") == TWO_BLANKS
    last = ends[buffer[ends - 1] == BLANK] - 1
    dropped = np.concatenate((np.flatnonzero(even) * 2, np.flatnonzero(odd) * 2 + 1, last))
    dropped.sort()
    buffer[dropped] = 0
    offsets = np.zeros(len(ends) + 1, np.int32)  # (n + 1,): less what was dropped before each end
    offsets[1:] = ends - np.searchsorted(dropped, ends) - np.arange(len(ends))
    return Joined(buffer.tobytes().replace(b"\0", b""), offsets)


def _put_in(plain: Joined, places: list[int], parts: list[bytes]) -> Joined:
    """Replace the strings at some places, ascending, by other parts."""
    view, offsets, at = memoryview(plain.data), plain.offsets.tolist(), 0
    out: list[memoryview | bytes] = []
    for i, part in zip(places, parts, strict=True):
        out += (view[at : offsets[i]], part)
        at = offsets[i + 1]
    out.append(view[at:])
    widths = np.diff(plain.offsets)
    widths[places] = [len(part) for part in parts]
    moved = np.zeros_like(plain.offsets)
    np.cumsum(widths, out=moved[1:])
    return Joined(b"".join(out), moved)
