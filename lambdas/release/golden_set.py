"""Do the API's answers match those that training recorded? Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reviews.golden import GoldenLine


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


def compare(
    golden: Sequence[GoldenLine],
    ask: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    batch: int,
) -> Compared:
    """Ask all, so many at a time."""
    asked = [row.question for row in golden]
    answers = [rated for i in range(0, len(asked), batch) for rated in ask(asked[i : i + batch])]
    pairs = list(zip(golden, answers, strict=False))
    differing = [n for n, (row, answer) in enumerate(pairs, 1) if not row.matches(answer)]
    differing += range(len(pairs) + 1, len(golden) + 1)
    versions = {str(answer.get("model_version")) for answer in answers}
    matched = len(golden) - len(differing)
    return Compared(len(golden), matched, tuple(differing), ", ".join(sorted(versions)))
