"""The record of what is used: a line for each operation or parameter that a client has not used."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from local_cloud.home import OPERATIONS_LOG
from local_cloud.operations import requests

UNREADABLE = "?"  # the service of a request that no model describes

_seen: set[tuple[str, ...]] = set()
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
    program = client.partition(" ")[0].partition("/")[0]
    key = (path, program, usage.service, usage.operation)
    with _lock:
        new = [name for name in ("", *usage.parameters) if (*key, name) not in _seen]
        if not new:
            return
        _seen.update((*key, name) for name in new)
        line = {
            "service": usage.service,
            "operation": usage.operation,
            "parameters": [name for name in new if name],
            "client": program,
        }
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


def read(home: Path, *, without: str = "") -> Iterator[tuple[requests.Usage, str]]:
    """What was used in a home, each with its client; `without` is a client that does not count."""
    for line in (home / OPERATIONS_LOG).read_text(encoding="utf-8").splitlines():
        found = json.loads(line)
        if found["client"] != without:
            names = tuple(found["parameters"])
            yield requests.Usage(found["service"], found["operation"], names), found["client"]
