"""Records of JSON lines; a line that holds none is counted by its reason, and decides nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from monitoring.errors import ObservationsError
from reviews.body import field_error

T = TypeVar("T", bound=msgspec.Struct)
PLACE = re.compile(r"/\d+")


def read_lines(lines: Iterable[bytes], kind: type[T]) -> tuple[list[T], Counter[str]]:
    """Records of the lines that hold one, in order, and how many lines hold none, by reason.

    Blank lines count as nothing. A reason names our own fields and never a value.
    """
    decoder = msgspec.json.Decoder(kind)
    records: list[T] = []
    unreadable: Counter[str] = Counter()
    for line in lines:
        if not line.strip():
            continue
        try:
            records.append(decoder.decode(line))
        except msgspec.ValidationError as error:
            unreadable[_field_reason(error)] += 1
        except UnicodeDecodeError:
            unreadable["not UTF-8"] += 1
        except (msgspec.DecodeError, RecursionError):
            unreadable["not JSON"] += 1
    return records, unreadable


def require_records(records: list[Any], unreadable: Counter[str], what: str) -> None:
    """Raise ObservationsError, with the reasons, where there are lines and none is a record."""
    if unreadable and not records:
        raise ObservationsError(
            f"none of {unreadable.total():,} lines is {what}: {describe(unreadable)}"
        )


def describe(unreadable: Mapping[str, int]) -> str:
    """How many lines were left out for which reason, the most frequent first."""
    ordered = sorted(unreadable.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{reason} ({lines:,})" for reason, lines in ordered)


def _field_reason(error: msgspec.ValidationError) -> str:
    found = field_error(str(error))
    pointer = PLACE.sub("/*", found.pointer)
    return f"`{pointer.lstrip('/')}`: {found}" if pointer else str(found)
