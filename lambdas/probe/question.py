"""What the API should answer now, and whether it does. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lambdas.contract.live import NONE
from lambdas.contract.problems import NOT_DEPLOYED, type_of
from reviews.golden import GoldenLine

PLAIN = {"title": "", "text": "Is anybody there?"}  # where there is no golden question to ask
QUICK_MILLISECONDS = 1_000
SUM_TOLERANCE = 1e-3  # of probabilities that we know nothing else of


@dataclass(frozen=True)
class Answer:
    """What came back. status: 0 where nothing did, and then `body` is empty."""

    status: int
    body: bytes
    milliseconds: float
    failure: str = ""


@dataclass(frozen=True)
class Expected:
    """What should be answered. line: of the package that is served, None where none is known.

    is_settled: no other package is being put in its place, so that the answer must be exact.
    """

    package: str
    line: GoldenLine | None = None
    is_settled: bool = False

    @property
    def body(self) -> bytes:
        """The question."""
        question = self.line.question if self.line else PLAIN
        return json.dumps({**question, "allow_unsupported": True}).encode()

    def fault(self, answer: Answer) -> str:
        """What is wrong with an answer, in words of ours alone; empty where nothing is."""
        if not answer.status:
            return f"the API gave no answer: {answer.failure}"
        content = _parsed(answer.body)
        if self.package == NONE:
            if answer.status == 503 and content.get("type") == type_of(NOT_DEPLOYED):
                return ""
            return f"the API answered {answer.status}, and no model is released"
        if answer.status != 200:
            return f"the API answered {answer.status}: {content.get('type') or 'no reason'}"
        if not _is_sound(content):
            return "the API answered 200 without stars that can be read"
        if self.is_settled and self.line and not self.line.matches(content):
            return "the answer is not the one that the served package gave when it was made"
        return ""


@dataclass(frozen=True)
class Asked:
    """How a probe ended. fault: empty where the last answer was right; milliseconds: of that."""

    fault: str
    milliseconds: float


class Probe:
    """Remembers what is expected until an answer differs, then looks at what is served.

    look: what should be answered now; ask: one question; pause: before the next; clock: seconds.
    """

    def __init__(
        self,
        look: Callable[[], Expected],
        ask: Callable[[bytes], Answer],
        pause: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._look = look
        self._ask = ask
        self._pause = pause
        self._clock = clock
        self._expected: Expected | None = None

    def run(self, until: float) -> Asked:
        """Ask until an answer is right and quick, and begin no try after a time.

        A client tries again too, so that one failure, or one cold start, hurts nobody.
        """
        while True:
            expected = self._expected or self._look()
            answer = self._ask(expected.body)
            fault = expected.fault(answer)
            self._expected = expected if expected.is_settled and not fault else None
            is_quick = answer.milliseconds < QUICK_MILLISECONDS
            if (is_quick and not fault) or self._clock() >= until:
                return Asked(fault, answer.milliseconds)
            self._pause()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _is_sound(content: dict[str, Any]) -> bool:
    shares = content.get("probabilities")
    return (
        content.get("stars") in (1, 2, 3, 4, 5)
        and isinstance(shares, list)
        and len(shares) == 5
        and all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares)
        and math.isclose(sum(shares), 1, abs_tol=SUM_TOLERANCE)
    )
