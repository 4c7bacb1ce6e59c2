"""EventBridge, the default bus."""

from __future__ import annotations

import json
from typing import Any

from lambdas.ports.clients import client
from reviews.errors import NotReadyError


def publish(source: str, detail_type: str, detail: dict[str, Any]) -> None:
    """Put one event of our own source on the bus.

    Raises NotReadyError where the bus did not take it.
    """
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "unknown")
        raise NotReadyError(f"EventBridge did not take {detail_type}: {code}")
