"""Waiting for what an event has started, with its state said as it changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from lambdas.ports import machines
from operate.errors import OperateError
from operate.progress import RunProgress

T = TypeVar("T")
POLL_SECONDS = 0.4


@dataclass(frozen=True)
class Finished:
    """A Step Functions execution that has ended."""

    arn: str
    status: str
    output: dict[str, Any]
    error: str
    cause: str

    @property
    def succeeded(self) -> bool:
        """Whether it reached a Succeed state."""
        return self.status == "SUCCEEDED"

    @property
    def reason(self) -> str:
        """Why it failed, in the words of whoever failed."""
        return self.cause or self.error or "no reason was given"


def until(what: str, probe: Callable[[], T | None], timeout_seconds: float) -> T:
    """Ask again and again until there is an answer.

    Raises OperateError, with `what` was awaited, after the time-out.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = probe()
        if answer is not None:
            return answer
        if time.monotonic() > deadline:
            raise OperateError(f"{what} did not happen within {timeout_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def started_since(machine_arn: str, since: datetime, timeout_seconds: float, what: str) -> str:
    """The first execution of a machine that started at or after a moment."""

    def probe() -> str | None:
        begun = [item for item in machines.executions(machine_arn) if item.started >= since]
        return min(begun, key=lambda item: item.started).arn if begun else None

    return until(what, probe, timeout_seconds)


def finished(
    arn: str,
    progress: RunProgress,
    timeout_seconds: float,
    watch: Callable[[], None] | None = None,
) -> Finished:
    """Wait for the end of an execution, saying each state it enters.

    watch: called at every look, for what goes on below the machine.
    """

    def probe() -> Finished | None:
        if watch:
            watch()
        now = machines.describe(arn)
        if now.status == "RUNNING":
            return None
        output = json.loads(now.output) if now.output else {}
        return Finished(arn, now.status, output, now.error or "", now.cause or "")

    return until(f"the end of {arn.split(':')[-2]}", probe, timeout_seconds)
