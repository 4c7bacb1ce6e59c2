"""The request that is being answered, for hooks that MiniStack calls without it.

Gap: `iam_evaluator.enforce` sees an action and one resource, not the parameters; PassRole, several
named resources and some condition keys need them.
Delete when MiniStack hands the parameters to its authorization.
"""

import contextvars
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

import ministack.app as ministack

from local_cloud.sagemaker.runtime import arns

Response = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Request:
    """One call of the API."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, Any]

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The call's parameters by name; of the Query protocol in its flat spelling."""
        if name := arns.invoked_endpoint(self.path):
            return {"EndpointName": name}  # the body is the customer's, whatever its keys say
        kind = self.headers.get("content-type", "")
        if "form-urlencoded" in kind:
            pairs = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
            return {name: values[0] for name, values in pairs.items()}
        flat = {k: v[0] if isinstance(v, list) and v else v for k, v in self.query.items()}
        try:
            found = json.loads(self.body or b"{}")
        except (ValueError, RecursionError):
            found = {}
        return {**flat, **found} if isinstance(found, dict) else flat


_current: contextvars.ContextVar[Request | None] = contextvars.ContextVar("request", default=None)


def current() -> Request | None:
    """Give the request that this task answers, if it is one."""
    return _current.get()


def install() -> None:
    """Pin each request before it is authorized."""
    dispatch: Callable[..., Awaitable[Response]] = ministack._dispatch_service_request

    async def pinned(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        request_id: str,
    ) -> Response:
        token = _current.set(Request(method, path, headers, body, query))
        try:
            return await dispatch(method, path, headers, body, query, request_id)
        finally:
            _current.reset(token)

    ministack._dispatch_service_request = pinned
