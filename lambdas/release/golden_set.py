"""Do the API's answers match those that training recorded? Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol, cast

import msgspec

from reviews.golden import GOLDEN_FILE, GOLDEN_TOLERANCE, GoldenLine

_decode = msgspec.json.Decoder(GoldenLine).decode


class Readable(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""


@dataclass(frozen=True)
class Compared:
    """How many answers were asked for and how many matched; `differing` are line numbers from 1."""

    asked: int
    matched: int
    differing: tuple[int, ...]
    version: str

    @property
    def passed(self) -> bool:
        """Whether every answer matched, and there was one."""
        return self.asked > 0 and self.asked == self.matched


def questions(archive: Readable) -> list[GoldenLine]:
    """The golden set out of a model.tar.gz.

    Raises FileNotFoundError where the archive holds none.
    """
    with tarfile.open(fileobj=cast(IO[bytes], archive), mode="r|gz") as tar:
        for member in tar:
            if member.name.removeprefix("./") == GOLDEN_FILE and member.isfile():
                body = tar.extractfile(member) or io.BytesIO()
                return [_decode(line) for line in body.read().splitlines() if line]
    raise FileNotFoundError(f"the model holds no {GOLDEN_FILE}")


def compare(
    golden: Sequence[GoldenLine],
    ask: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    batch: int,
) -> Compared:
    """Ask all, so many at a time; equal stars and probabilities within GOLDEN_TOLERANCE match."""
    asked = [
        {"title": row.title, "text": row.text, "verified_purchase": row.verified_purchase}
        for row in golden
    ]
    answers = [rated for i in range(0, len(asked), batch) for rated in ask(asked[i : i + batch])]
    pairs = list(zip(golden, answers, strict=False))
    differing = [n for n, (row, answer) in enumerate(pairs, 1) if not _is_same(row, answer)]
    differing += range(len(pairs) + 1, len(golden) + 1)
    versions = {str(answer.get("model_version")) for answer in answers}
    matched = len(golden) - len(differing)
    return Compared(len(golden), matched, tuple(differing), ", ".join(sorted(versions)))


def _is_same(row: GoldenLine, answer: dict[str, Any]) -> bool:
    if answer.get("stars") != row.stars:
        return False
    pairs = zip(row.probabilities, answer["probabilities"], strict=True)
    return all(abs(wanted - given) <= GOLDEN_TOLERANCE for wanted, given in pairs)
