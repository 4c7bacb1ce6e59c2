"""The record of what is used: a line for each operation or parameter that was not used before."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

from local_cloud.operations import requests

UNREADABLE = "?"  # the service of a request that no model describes

_seen: set[tuple[str, str, str, str]] = set()
_lock = threading.Lock()


def note(read: Callable[[], requests.Usage], client: str) -> None:
    """Write what is new of one call. client: its user agent, or the service that calls itself."""
    path = os.environ.get("OPERATIONS_LOG")
    if not path:
        return
    try:
        usage = read()
    except requests.UnknownOperationError as error:
        usage = requests.Usage(UNREADABLE, str(error), ())
    except Exception as error:  # whoever asks gets an answer, whatever is wrong with the record
        usage = requests.Usage(UNREADABLE, f"{type(error).__name__} while a request was read", ())
    with _lock:
        names = ("", *usage.parameters)
        new = [name for name in names if (path, usage.service, usage.operation, name) not in _seen]
        if not new:
            return
        _seen.update((path, usage.service, usage.operation, name) for name in new)
        line = {
            "service": usage.service,
            "operation": usage.operation,
            "parameters": [name for name in new if name],
            "client": client.partition(" ")[0].partition("/")[0],
        }
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
