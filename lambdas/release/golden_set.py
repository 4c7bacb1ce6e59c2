"""Do the API's answers match those that training recorded? Pure."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol, cast

NAME = "golden.jsonl"
TOLERANCE = 1e-5  # two ways of adding up float32 differ by less


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


def questions(archive: Readable) -> list[dict[str, Any]]:
    """The golden set out of a model.tar.gz.

    Raises FileNotFoundError where the archive holds none.
    """
    with tarfile.open(fileobj=cast(IO[bytes], archive), mode="r|gz") as tar:
        for member in tar:
            if member.name.removeprefix("./") == NAME and member.isfile():
                body = tar.extractfile(member) or io.BytesIO()
                return [json.loads(line) for line in body.read().splitlines() if line]
    raise FileNotFoundError(f"the model holds no {NAME}")


def compare(
    golden: Sequence[dict[str, Any]],
    ask: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    batch: int,
) -> Compared:
    """Ask all, so many at a time; equal stars and probabilities within TOLERANCE match."""
    fields = ("title", "text", "verified_purchase")
    asked = [{name: row[name] for name in fields} for row in golden]
    answers = [rated for i in range(0, len(asked), batch) for rated in ask(asked[i : i + batch])]
    pairs = list(zip(golden, answers, strict=False))
    differing = [n for n, (row, answer) in enumerate(pairs, 1) if not _same(row, answer)]
    differing += range(len(pairs) + 1, len(golden) + 1)
    versions = {str(answer.get("model_version")) for answer in answers}
    matched = len(golden) - len(differing)
    return Compared(len(golden), matched, tuple(differing), ", ".join(sorted(versions)))


def _same(row: dict[str, Any], answer: dict[str, Any]) -> bool:
    if answer.get("stars") != row["stars"]:
        return False
    wanted, given = row["probabilities"], answer["probabilities"]
    return all(abs(a - b) <= TOLERANCE for a, b in zip(wanted, given, strict=True))
