"""Functions of the row alone: the same in every shard, order and machine."""

import zlib
from hashlib import blake2b

BUCKETS = 100
HOLD_OUT_BUCKETS = 20  # `bucket < 20` is never trained on


def bucket(user_id: str | None, text: str) -> int:
    """0 to 99, from the user, or from the cleaned text where there is none.

    One user is on one side of every split.
    """
    return zlib.crc32((user_id or text).encode()) % BUCKETS


def review_key(user_id: str | None, asin: str | None, rating: int, title: str, text: str) -> int:
    """64 bits that are equal for copies of a review: user, product, stars and cleaned words.

    By chance two of 571 million reviews share one with a probability of 1 in 113.
    """
    fields = f"{user_id or ''}\0{asin or ''}\0{rating}\0{title}\0{text}"
    return int.from_bytes(blake2b(fields.encode(), digest_size=8).digest(), "little")
