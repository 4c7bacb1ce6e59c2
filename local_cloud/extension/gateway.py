"""API Gateway: a function answers only an API that its policy lets in; calls are logged, counted.

Gap: MiniStack calls a function whatever its policy says; it drops the access log of a stage's
template and writes none, and keeps no metrics.
Delete when it asks and writes. Difference that stays: variables that are not in `_values` are
"-", as AWS writes what it does not know.
"""

import contextvars
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import ministack.app as ministack
from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import apigateway_v1, cloudwatch, lambda_svc

from local_cloud.permissions import roles
from local_cloud.sagemaker.runtime import emulator

logger = logging.getLogger(__name__)
VARIABLE = re.compile(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)")
SERVICE = "apigateway.amazonaws.com"
ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
# What `$context.error.responseType` says of a caller who was not believed.
REFUSALS = {
    "InvalidSignatureException": "INVALID_SIGNATURE",
    "ExpiredTokenException": "EXPIRED_TOKEN",
    "IncompleteSignatureException": "INVALID_SIGNATURE",
    "MissingAuthenticationTokenException": "MISSING_AUTHENTICATION_TOKEN",
}
Response = tuple[int, dict[str, str], Any]

_seen: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("seen", default=None)


def install() -> None:
    """Follow each call from the check of its signature to the answer."""
    refuse: Callable[..., Response | None] = ministack._enforce_execute_api
    execute: Callable[..., Any] = apigateway_v1.handle_execute
    route: Callable[..., Any] = apigateway_v1._execute_in_scope
    call: Callable[..., Any] = apigateway_v1._call_lambda_raw

    def enforce_execute_api(
        api_id: str,
        stage: str,
        method: str,
        execute_path: str,
        headers: dict[str, str],
        query_params: dict[str, Any],
        iam_action: str = "execute-api:Invoke",
    ) -> Response | None:
        answer = refuse(api_id, stage, method, execute_path, headers, query_params, iam_action)
        if answer is not None:
            names = {name.lower(): value for name, value in answer[1].items()}
            refusal = names.get("x-amzn-errortype", "")
            seen = {"route": execute_path, "error": REFUSALS.get(refusal, "ACCESS_DENIED")}
            _record(api_id, stage, method, headers, query_params, answer, seen)
        return answer

    async def handle_execute(
        api_id: str,
        stage_name: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
    ) -> Response:
        where = {"api": api_id, "stage": stage_name, "method": method, "route": path}
        seen: dict[str, Any] = {**where, "started": time.perf_counter()}
        token = _seen.set(seen)
        try:
            answer: Response = await execute(
                api_id, stage_name, method, path, headers, body, query_params
            )
        finally:
            _seen.reset(token)
        _record(api_id, stage_name, method, headers, query_params, answer, seen)
        return answer

    async def execute_in_scope(request: dict[str, Any], *more: Any) -> Any:
        seen = _seen.get() or {}
        seen["routed"] = request  # MiniStack fills it in on the way
        answer = await route(request, *more)
        seen["error"] = getattr(answer, "response_type", "")
        return answer

    async def call_lambda_raw(function: str, event: Any, **scope: Any) -> tuple[Any, str | None]:
        seen = _seen.get() or {}
        if not _lets_in(function, seen):
            return None, "Invalid permissions on Lambda function"
        began = time.perf_counter()
        answer: tuple[Any, str | None] = await call(function, event, **scope)
        seen["function_seconds"] = time.perf_counter() - began
        return answer

    ministack._enforce_execute_api = enforce_execute_api
    apigateway_v1.handle_execute = handle_execute
    apigateway_v1._execute_in_scope = execute_in_scope
    apigateway_v1._call_lambda_raw = call_lambda_raw


def _lets_in(function: str, seen: Mapping[str, Any]) -> bool:
    """Whether the function's policy lets this stage, method and resource of the API call it."""
    record = lambda_svc._get_func_record_for_ref(function)[0] or {}
    start = f"arn:aws:execute-api:{get_region()}:{get_account_id()}"
    route = seen["routed"]["resource_path"]
    source = f"{start}:{seen['api']}/{seen['stage']}/{seen['method']}{route}"
    policy = record.get("policy") or {"Statement": []}
    may = roles.service_may(SERVICE, "lambda:InvokeFunction", function, policy, source_arn=source)
    if not may:
        logger.error("the policy of %s does not let %s call it", function, source)
    return may


def apply_settings(stage_name: str, properties: Mapping[str, Any]) -> None:
    """Keep what a template says of the access log, which MiniStack drops."""
    setting = properties.get("AccessLogSetting") or {}
    apigateway_v1._stages_v1[properties["RestApiId"]][stage_name]["accessLogSettings"] = {
        "destinationArn": setting.get("DestinationArn", ""),
        "format": setting.get("Format", ""),
    }


def _record(
    api_id: str,
    stage_name: str,
    method: str,
    headers: dict[str, str],
    query: dict[str, Any],
    answer: Response,
    seen: dict[str, Any],
) -> None:
    _count(api_id, stage_name, answer[0], seen)
    stage = (apigateway_v1._stages_v1.get(api_id) or {}).get(stage_name) or {}
    settings = stage.get("accessLogSettings") or {}
    if not settings.get("destinationArn"):
        return
    values = _values(answer, seen) | {
        "apiId": api_id,
        "stage": stage_name,
        "httpMethod": method,
        "identity.userArn": _caller(headers, query),
        "identity.userAgent": headers.get("user-agent", ""),
    }
    _write(settings["destinationArn"], f"{api_id}/{stage_name}", line(settings["format"], values))


def _count(api_id: str, stage_name: str, status: int, seen: Mapping[str, Any]) -> None:
    """The metrics of a stage; none of one that is not there."""
    if stage_name not in (apigateway_v1._stages_v1.get(api_id) or {}):
        return
    api = (apigateway_v1._rest_apis.get(api_id) or {}).get("name", "")
    named = {"ApiName": api, "Stage": stage_name}
    counted = {"Count": 1, "4XXError": 400 <= status < 500, "5XXError": status >= 500}
    for metric, value in counted.items():
        cloudwatch.record_metric("AWS/ApiGateway", metric, float(value), "Count", named)
    if "started" in seen:
        took = (time.perf_counter() - seen["started"]) * 1_000
        cloudwatch.record_metric("AWS/ApiGateway", "Latency", took, "Milliseconds", named)


def _caller(headers: dict[str, str], query: dict[str, Any]) -> str:
    is_signed = "authorization" in headers or "X-Amz-Credential" in query
    return evaluator.request_caller_arn(headers, query) if is_signed else ""


def _values(answer: Response, seen: Mapping[str, Any]) -> dict[str, str]:
    status, _, body = answer
    routed = seen.get("routed") or {}
    request = str(routed.get("request_id") or new_uuid())
    known = {
        "requestId": request,
        "extendedRequestId": request,
        "requestTimeEpoch": str(int(time.time() * 1000)),
        "identity.sourceIp": evaluator._request_origin.get()[0],
        "resourcePath": str(routed.get("resource_path") or seen["route"]),
        "status": str(status),
        "error.responseType": str(seen.get("error") or ""),
        "responseLength": str(len(body)) if isinstance(body, bytes | str) else "",
    }
    if "started" in seen:
        known["responseLatency"] = _milliseconds(time.perf_counter() - seen["started"])
    if "function_seconds" in seen:
        known["integrationLatency"] = _milliseconds(seen["function_seconds"])
    return known


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def line(form: str, values: Mapping[str, str]) -> str:
    """A stage's format with its variables replaced; what is unknown or empty is a dash."""
    return VARIABLE.sub(lambda found: values.get(found[1]) or "-", form)


def _write(destination: str, stream: str, text: str) -> None:
    """Write under the account's own role for logs; a refusal is logged, the call goes on."""
    group = destination.partition(":log-group:")[2].removesuffix(":*")
    if not group:
        logger.error("an access log goes to %s, which is no log group", destination)
        return
    role = (apigateway_v1._account_settings.get("settings") or {}).get("cloudwatchRoleArn") or ""
    try:
        for action in ACTIONS:
            roles.require(
                role, action, f"{destination}:log-stream:{stream}", service="apigateway",
                session="BackplaneAssumeRoleSession", source_arn="",
            )  # fmt: skip
    except roles.DeniedError as error:
        logger.error("an access log was not written: %s", error)
        return
    emulator.write_log(group, stream, [(int(time.time() * 1000), text)])
