"""The golden set: hold-out reviews with a model's answers, asked again wherever it serves."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from typing import IO, Any, Protocol, cast

import msgspec

GOLDEN_FILE = "golden.jsonl"  # in a model's folder, one GoldenLine a line
GOLDEN_TOLERANCE = 1e-5  # of a probability, between machines: they add float32 in other orders


class GoldenLine(msgspec.Struct, frozen=True):
    """One review that cleaning leaves as it is, and what the model said of it when it was made."""

    title: str
    text: str
    verified_purchase: bool | None
    stars: int
    probabilities: list[float]

    @property
    def question(self) -> dict[str, Any]:
        """The review as the API takes it."""
        return {
            "title": self.title,
            "text": self.text,
            "verified_purchase": self.verified_purchase,
        }

    def matches(self, answer: Mapping[str, Any]) -> bool:
        """Whether an answer has the same stars, and probabilities within GOLDEN_TOLERANCE."""
        given = answer.get("probabilities")
        if answer.get("stars") != self.stars or not isinstance(given, list):
            return False
        return len(given) == len(self.probabilities) and all(
            isinstance(share, int | float) and abs(wanted - share) <= GOLDEN_TOLERANCE
            for wanted, share in zip(self.probabilities, given, strict=True)
        )


class Readable(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""


_decode = msgspec.json.Decoder(GoldenLine).decode


def read_golden(archive: Readable) -> list[GoldenLine]:
    """The golden set out of a model.tar.gz.

    Raises FileNotFoundError where the archive holds none.
    """
    with tarfile.open(fileobj=cast(IO[bytes], archive), mode="r|gz") as tar:
        for member in tar:
            if member.name.removeprefix("./") == GOLDEN_FILE and member.isfile():
                body = tar.extractfile(member)
                return [_decode(line) for line in body.read().splitlines() if line] if body else []
    raise FileNotFoundError(f"the model holds no {GOLDEN_FILE}")
