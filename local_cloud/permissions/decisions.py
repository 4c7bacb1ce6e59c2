"""The decision log: who asked for what, and what the answer was, one JSON line each.

Gap: MiniStack keeps no record of its authorization.
Delete when it does.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_lock = threading.Lock()


@dataclass(frozen=True)
class AccessDecision:
    """One decision; `implied` marks calls that the caller did not write, `via` a service's own."""

    principal: str
    type: str
    action: str
    resource: str
    decision: str
    region: str
    context: Mapping[str, Any] = field(default_factory=dict)
    implied: bool = False
    via: str = ""


LISTENERS: list[Callable[[AccessDecision], None]] = []  # called with every decision


def record(decision: AccessDecision) -> None:
    """Call the listeners, and append to the log that AUTHORIZATION_LOG names, if it names one."""
    for listener in LISTENERS:
        listener(decision)
    path = os.environ.get("AUTHORIZATION_LOG")
    if not path:
        return
    line = json.dumps({"time": round(time.time(), 3), **asdict(decision)}, default=str)
    with _lock, Path(path).open("a", encoding="utf-8") as log:
        log.write(line + "\n")
