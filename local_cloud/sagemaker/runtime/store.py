"""The tables of this SageMaker: one dictionary per account, region and kind of resource."""

import threading
import time
from collections.abc import Callable
from typing import Any

from local_cloud.sagemaker.runtime import emulator

JsonObject = dict[str, Any]
Scope = tuple[str, str]


class Store:
    """Records by name, apart for every account and region.

    `scope` gives whose request is being served: (account, region).
    """

    def __init__(self, scope: Callable[[], Scope] = emulator.current_scope) -> None:
        self._scope = scope
        self._tables: dict[tuple[str, str, str], dict[str, JsonObject]] = {}
        self.lock = threading.RLock()

    def table(self, kind: str) -> dict[str, JsonObject]:
        """The records of one kind, in order of creation."""
        with self.lock:
            return self._tables.setdefault((*self._scope(), kind), {})

    def arn(self, kind: str, name: str) -> str:
        """The ARN that the service gives a resource of this kind: names in lower case."""
        account, region = self._scope()
        return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name.lower()}"

    def clear(self) -> None:
        """Forget everything, in every account and region."""
        with self.lock:
            self._tables.clear()


STORE = Store()


def now() -> float:
    """Seconds since the epoch, as the JSON protocol carries times."""
    return time.time()


def newest_first(
    records: list[JsonObject], request: JsonObject, *, time_field: str
) -> list[JsonObject]:
    """Sort a listing by time as `SortOrder` asks.

    The service's default order is descending by time.
    """
    ascending = request.get("SortOrder") == "Ascending"
    ordered = sorted(records, key=lambda record: record.get(time_field, 0.0))
    return ordered if ascending else ordered[::-1]


def page(records: list[JsonObject], request: JsonObject, *, key: str) -> JsonObject:
    """One page of a listing; `NextToken` is the position of the next record."""
    start = int(request.get("NextToken") or 0)
    size = int(request.get("MaxResults") or 100)
    answer: JsonObject = {key: records[start : start + size]}
    if start + size < len(records):
        answer["NextToken"] = str(start + size)
    return answer


def pick(record: JsonObject, *fields: str) -> JsonObject:
    """The fields of a summary that the record really has."""
    return {field: record[field] for field in fields if record.get(field) is not None}
