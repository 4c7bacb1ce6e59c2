"""What is wrong with some lines of real files, and about how often."""

import json
from collections.abc import Callable
from typing import Any

from reviews.limits import MAX_LINE_BYTES
from reviews.synthetic.words import Dice

Record = dict[str, Any]
Fault = Callable[[Record, Dice], bytes]

FAULT_SHARE = 0.005


def encode(record: object) -> bytes:
    """One line, in UTF-8 as the files of 2023 have it, without its newline."""
    return json.dumps(record, ensure_ascii=False).encode()


def spoil(record: Record, dice: Dice) -> bytes:
    """The line of a record with one of the faults."""
    return FAULTS[dice.by_share(SHARES)](record, dice)


def _cut_off(record: Record, dice: Dice) -> bytes:
    line = encode({**record, "text": record["text"][:200]})
    return line[: len(line) // 2].decode(errors="ignore").encode()


def _other_encoding(record: Record, dice: Dice) -> bytes:
    return encode({**record, "title": "A caf@ review"}).replace(b"caf@", "café".encode("latin-1"))


def _no_object(record: Record, dice: Dice) -> bytes:
    return encode([record["rating"], record["title"]])


def _missing_field(record: Record, dice: Dice) -> bytes:
    missing = dice.pick(("rating", "text"))
    return encode({name: value for name, value in record.items() if name != missing})


def _wrong_type(record: Record, dice: Dice) -> bytes:
    wrong: Record = dice.pick(({"rating": str(record["rating"])}, {"rating": 4.5}, {"text": 5}))
    return encode({**record, **wrong})


def _out_of_range(record: Record, dice: Dice) -> bytes:
    return encode({**record, "rating": dice.pick((0.0, 6.0))})


def _no_text(record: Record, dice: Dice) -> bytes:
    return encode({**record, "text": dice.pick(("", " ", "<br />", "[[VIDEOID:0a1b2c3d4e5f]]"))})


def _too_long(record: Record, dice: Dice) -> bytes:
    return encode({**record, "text": record["text"] + "!" * MAX_LINE_BYTES})


FAULTS: tuple[Fault, ...] = (
    _cut_off, _other_encoding, _no_object, _missing_field, _wrong_type, _out_of_range, _no_text,
    _too_long,
)  # fmt: skip
SHARES = (0.2, 0.13, 0.05, 0.15, 0.15, 0.1, 0.21, 0.01)
