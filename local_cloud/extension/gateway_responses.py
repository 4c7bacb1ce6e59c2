"""API Gateway answers its own refusals and failures by the stage's gateway responses.

Gap: MiniStack answers past the gateway responses where a role may not call, where a function fails
and where it fails itself; it refuses a path that is none with the caller's rights; it answers 404
for an API or a stage that is none; it knows no limit of a body's size and of a function's time.
Delete, part by part, when it does.
Source: "Gateway response types" and "Quotas" in the service's guide.
"""

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable
from typing import Any

import ministack.app as ministack
from ministack.core.responses import new_uuid
from ministack.services import apigateway, apigateway_v1

logger = logging.getLogger(__name__)
MAX_BODY_BYTES = 10 * 1024 * 1024
FUNCTION_SECONDS = 29.0  # of an integration whose timeout nobody set
MESSAGES = {
    "REQUEST_TOO_LARGE": "HTTP content length exceeded 10485760 bytes.",
    "INTEGRATION_TIMEOUT": "Endpoint request timed out",
    "DEFAULT_5XX": "Internal server error",
}
Response = tuple[int, dict[str, str], Any]
# No gateway response is set where there is no API, or no such stage of it.
FORBIDDEN: Response = (
    403,
    {"Content-Type": "application/json", "x-amzn-errortype": "ForbiddenException"},
    b'{"message":"Forbidden"}',
)

# What went wrong while the function was asked: a list that the caller of the route reads.
_failures: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar(
    "gateway_failures", default=None
)


def install() -> None:
    """Give each refusal its gateway response."""
    _wrap_refusal()
    _wrap_routes()
    _wrap_functions()


def _wrap_refusal() -> None:
    refuse: Callable[..., Response | None] = ministack._enforce_execute_api

    def enforce_execute_api(
        api_id: str,
        stage: str,
        method: str,
        execute_path: str,
        headers: dict[str, str],
        query_params: dict[str, Any],
        iam_action: str = "execute-api:Invoke",
    ) -> Response | None:
        if not _is_served(api_id, stage):
            return FORBIDDEN
        if _has_no_method(api_id, stage, method, execute_path):
            return None  # the route answers MISSING_AUTHENTICATION_TOKEN, whoever asks
        answer = refuse(api_id, stage, method, execute_path, headers, query_params, iam_action)
        if answer is None or answer[1].get("x-amzn-errortype") != "AccessDeniedException":
            return answer
        message = str(json.loads(answer[2]).get("message", ""))
        return response("ACCESS_DENIED", message, api_id, stage, headers, query_params) or answer

    ministack._enforce_execute_api = enforce_execute_api


def _wrap_routes() -> None:
    execute: Callable[..., Any] = apigateway_v1.handle_execute
    route: Callable[..., Any] = apigateway_v1._execute_in_scope

    async def handle_execute(
        api_id: str,
        stage_name: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
    ) -> Response:
        try:
            answer: Response = await execute(
                api_id, stage_name, method, path, headers, body, query_params
            )
        except Exception:
            logger.exception("%s %s was not answered", method, path)
            message = MESSAGES["DEFAULT_5XX"]
            found = response("DEFAULT_5XX", message, api_id, stage_name, headers, query_params)
            answer = found or (500, {"Content-Type": "application/json"}, b"{}")
        return answer

    async def execute_in_scope(
        request: dict[str, Any],
        api_id: str,
        stage_name: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *more: Any,
    ) -> Any:
        stage = apigateway_v1._stages_v1.get(api_id, {}).get(stage_name)
        if stage and len(body or b"") > MAX_BODY_BYTES:
            request["stage"] = stage
            return _error("REQUEST_TOO_LARGE")
        failures: list[str] = []
        token = _failures.set(failures)
        try:
            answer = await route(request, api_id, stage_name, method, path, headers, body, *more)
        finally:
            _failures.reset(token)
        return _error(failures[0]) if failures else answer

    apigateway_v1.handle_execute = handle_execute
    apigateway_v1._execute_in_scope = execute_in_scope


def _wrap_functions() -> None:
    call: Callable[..., Any] = apigateway_v1._call_lambda_raw
    read: Callable[..., tuple[Any, Any]] = apigateway_v1._lambda_proxy_response

    async def call_lambda_raw(function: str, event: Any, **scope: Any) -> tuple[Any, str | None]:
        try:
            answer: tuple[Any, str | None] = await asyncio.wait_for(
                call(function, event, **scope), FUNCTION_SECONDS
            )
        except TimeoutError:
            _fail("INTEGRATION_TIMEOUT")
            return None, MESSAGES["INTEGRATION_TIMEOUT"]
        return answer

    def lambda_proxy_response(result: Any) -> tuple[Any, Any]:
        answer = read(result)
        is_malformed = not isinstance(result.get("body"), dict | None)
        if answer[1] or (is_malformed and not result.get("throttle")):
            _fail("DEFAULT_5XX")
        return answer

    apigateway_v1._call_lambda_raw = call_lambda_raw
    apigateway_v1._lambda_proxy_response = lambda_proxy_response


def _fail(kind: str) -> None:
    failures = _failures.get()
    if failures is not None:
        failures.append(kind)


def _error(kind: str) -> Any:
    return apigateway_v1._GatewayError(kind, MESSAGES[kind])


def _is_served(api_id: str, stage: str) -> bool:
    """Whether there is such a stage; of an HTTP or WebSocket API the API is enough."""
    if apigateway_v1.find_api_scope(api_id) is None:
        return apigateway.find_api_scope(api_id) is not None
    return stage in apigateway_v1.stages_for_api(api_id)


def _has_no_method(api_id: str, stage: str, method: str, path: str) -> bool:
    """Whether a REST API's stage has nothing for this method and path."""
    if apigateway_v1.find_api_scope(api_id) is None:
        return False
    return apigateway_v1.method_authorization_type(api_id, stage, method, path) is None


def response(
    kind: str,
    message: str,
    api_id: str,
    stage_name: str,
    headers: dict[str, str],
    query: dict[str, Any],
) -> Response | None:
    """A gateway response of a REST API's stage; None where there is no such stage."""
    scope = apigateway_v1.find_api_scope(api_id)
    stage = apigateway_v1.stages_for_api(api_id).get(stage_name) if scope else None
    if scope is None or stage is None:
        return None
    request = {
        "api_id": api_id, "stage_name": stage_name, "stage": stage, "headers": headers,
        "query_params": query, "path_params": {}, "resource_path": "", "request_id": new_uuid(),
    }  # fmt: skip
    with apigateway_v1.request_scope(*scope):
        error = apigateway_v1._GatewayError(kind, message)
        answer: Response = apigateway_v1._gateway_error_response(error, request)
    return answer
