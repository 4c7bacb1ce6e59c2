"""How long a minute of AWS takes on this machine, for alarms and for rules at a rate.

LOCAL_CLOUD_MINUTE_SECONDS says it; 60 unless it does. An alarm on five minutes then looks at so
much less, and the probe asks so much more often: an outage rings in a quarter of the time.
"""

import os
import threading
from collections.abc import Callable

from ministack.services import eventbridge

MINUTE_SECONDS = float(os.environ.get("LOCAL_CLOUD_MINUTE_SECONDS") or 60)
TICK_SECONDS = 1.0  # MiniStack looks each ten seconds, which is too seldom for short minutes


def aws_seconds(machine_seconds: float) -> float:
    """A moment, or a time, of this machine in seconds of AWS."""
    return machine_seconds * 60 / MINUTE_SECONDS


def install() -> None:
    """Let rules at a rate follow."""
    if MINUTE_SECONDS == 60:
        return
    parse: Callable[[str], float | None] = eventbridge._parse_rate_seconds

    def parse_rate_seconds(expression: str) -> float | None:
        seconds = parse(expression)
        return None if seconds is None else seconds * MINUTE_SECONDS / 60

    eventbridge._parse_rate_seconds = parse_rate_seconds
    threading.Thread(target=_tick, daemon=True, name="short minutes").start()


def _tick() -> None:
    pause = threading.Event()
    while not pause.wait(TICK_SECONDS):
        eventbridge._tick_scheduled_rules()
