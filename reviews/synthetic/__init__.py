"""Made-up reviews that a model can learn from: no real set has a licence to be passed on.

Stars, lengths, languages, markup and faults come about as often as in the files of 2023; the words
are made by hand (`phrases`), and overlap between neighbouring stars.
"""

import gzip
from base64 import b32encode
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from reviews.synthetic.faults import FAULT_SHARE, Record, encode, spoil
from reviews.synthetic.words import Dice, write_words

STARS = (0.13, 0.07, 0.08, 0.20, 0.52)  # of 1 to 5
COPY_SHARE = 0.02
BLANK_SHARE = 0.0004
VERIFIED_SHARE = 0.7
IMAGE_SHARE = 0.02
UNVOTED_SHARE = 0.7
USERS_A_ROW = 0.6  # drawn with a preference for few, so that some write several
COPIED_FROM = 1000  # a copy stands at most so many lines after its original
FIRST_DAY, LAST_DAY = 1_388_534_400_000, 1_694_217_600_000  # 2014 to September 2023


def write_sample(path: Path, *, rows: int, seed: int) -> None:
    """Write a raw file of so many records, faulty ones and copies included; gzip by its name.

    The same bytes for the same rows and seed on any machine; compressed, wherever zlib is the same.
    The file is there when it is whole.
    """
    unfinished = path.with_name(f"{path.name}.part")
    with ExitStack() as stack:
        raw = stack.enter_context(unfinished.open("wb"))
        file: BinaryIO | gzip.GzipFile = raw
        if path.name.endswith(".gz"):
            # No name and no time: both would stand in the bytes.
            file = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
        for line in raw_lines(rows=rows, seed=seed):
            file.write(line + b"\n")
    unfinished.replace(path)


def raw_lines(*, rows: int, seed: int) -> Iterator[bytes]:
    """The lines of a sample, without newlines. Blank ones come on top of `rows`."""
    dice = Dice(seed)
    users = max(1, int(rows * USERS_A_ROW))
    latest: deque[bytes] = deque(maxlen=COPIED_FROM)
    for _ in range(rows):
        if dice.roll() < BLANK_SHARE:
            yield b""
        if latest and dice.roll() < COPY_SHARE:
            yield dice.pick(latest)
            continue
        record = _record(dice, seed, users)
        if dice.roll() < FAULT_SHARE:
            yield spoil(record, dice)
            continue
        line = encode(record)
        latest.append(line)
        yield line


def _record(dice: Dice, seed: int, users: int) -> Record:
    stars = 1 + dice.by_share(STARS)
    title, text = write_words(dice, stars)
    product = _code(f"product {dice.below(users)}", seed)[:8]
    user = int(users * dice.roll() * dice.roll())
    return {
        "rating": float(stars),
        "title": title,
        "text": text,
        "images": [_image(dice, seed)] if dice.roll() < IMAGE_SHARE else [],
        "asin": f"B0{product}",
        "parent_asin": f"B0{product}",
        "user_id": f"A{_code(f'user {user}', seed)[:27]}",
        "timestamp": FIRST_DAY + dice.below(LAST_DAY - FIRST_DAY),
        "helpful_vote": 0 if dice.roll() < UNVOTED_SHARE else int(1 / (dice.roll() + 0.02)),
        "verified_purchase": dice.roll() < VERIFIED_SHARE,
    }


def _image(dice: Dice, seed: int) -> dict[str, str]:
    address = f"https://images.example.com/{_code(f'image {dice.below(10**9)}', seed)[:11]}"
    sizes = {"small": "SL256", "medium": "SL800", "large": "SL1600"}
    return {"attachment_type": "IMAGE"} | {
        f"{size}_image_url": f"{address}._{mark}_.jpg" for size, mark in sizes.items()
    }


def _code(name: str, seed: int) -> str:
    """Capitals and digits that stand for a name, as Amazon's ids do."""
    return b32encode(blake2b(f"{seed} {name}".encode(), digest_size=20).digest()).decode()
