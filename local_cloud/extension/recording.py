"""Every signed request is recorded by operation and parameters, before it is answered.

Gap: MiniStack keeps no record of what it is asked for; what is used here must be on the list of
`local_cloud/operations`. API Gateway's own callers are no clients of an API of AWS.
Delete when it keeps one with the names of parameters.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import ministack.app as ministack

from local_cloud.extension.current_request import Response
from local_cloud.operations import recorder, requests

# Both kinds of signature name the service as the last but one part of their scope.
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]*/([^/]+)/")
_OWN = "/_ministack/"


def install() -> None:
    """Read every request before it is answered."""
    dispatch: Callable[..., Awaitable[Response]] = ministack._dispatch_service_request

    async def recorded(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        request_id: str,
    ) -> Response:
        scope = signed_for(headers, query)
        if scope and not path.startswith(_OWN):
            wire = requests.Wire(method, path, headers, query, body)
            recorder.note(lambda: requests.read(scope, wire), headers.get("user-agent", ""))
        return await dispatch(method, path, headers, body, query, request_id)

    ministack._dispatch_service_request = recorded


def signed_for(headers: dict[str, str], query: dict[str, Any]) -> str:
    """The service in a request's signature, empty for one without."""
    presigned = query.get("X-Amz-Credential") or [""]
    credential = presigned[0] if isinstance(presigned, list) else presigned
    match = _SCOPE.search(headers.get("authorization") or f"Credential={credential}")
    return match[1] if match else ""
