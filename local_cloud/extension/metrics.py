"""Metrics that AWS makes by itself: from log lines in embedded format, of queues and functions.

Gap: MiniStack reads no embedded metric format, measures no queue, counts only those calls of
functions that come through Invoke, and writes a function's log whatever its role may do.
Delete when it does.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, lambda_svc, sqs

from local_cloud.permissions import roles

logger = logging.getLogger(__name__)
ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
Point = tuple[str, str, float, str, dict[str, str]]  # namespace, name, value, unit, dimensions


def install() -> None:
    """Read each function's log as CloudWatch Logs does."""
    emit: Callable[..., None] = lambda_svc._emit_lambda_logs

    def emit_lambda_logs(
        function: dict[str, Any], request: str, text: str, *more: Any, **named: Any
    ) -> None:
        if not _may_log(function.get("config") or function):
            return  # as on AWS: no log, and no metric that stands in it; the call goes on
        for line in (text or "").splitlines():
            if '"_aws"' in line:
                _record(line)
        emit(function, request, text, *more, **named)

    execute: Callable[..., dict[str, Any]] = lambda_svc._execute_function_dispatch

    def execute_function_dispatch(
        function: dict[str, Any], config: dict[str, Any], *more: Any
    ) -> dict[str, Any]:
        began = time.perf_counter()
        result = execute(function, config, *more)
        took = (time.perf_counter() - began) * 1_000
        _count_call(config["FunctionName"], took, has_failed=bool(result.get("error")))
        return result

    def emit_lambda_metrics(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        """Of a throttle alone: where it is called for more, the call is counted already."""
        if throttle:
            _count(name, "Throttles", 1, "Count")

    lambda_svc._emit_lambda_logs = emit_lambda_logs
    lambda_svc._execute_function_dispatch = execute_function_dispatch
    lambda_svc._emit_lambda_metrics = emit_lambda_metrics


def _may_log(config: dict[str, Any]) -> bool:
    """Whether the function's role may write into its log group."""
    name = config["FunctionName"]
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:any"
    try:
        for action in ACTIONS:
            roles.require(
                config.get("Role", ""),
                action,
                arn,
                service="lambda",
                session=name,
                source_arn=config.get("FunctionArn", ""),
            )
    except roles.DeniedError as error:
        logger.warning("%s writes no log: %s", name, error)
        return False
    return True


def _count_call(name: str, milliseconds: float, *, has_failed: bool) -> None:
    _count(name, "Invocations", 1, "Count")
    _count(name, "Errors", int(has_failed), "Count")
    _count(name, "Throttles", 0, "Count")
    _count(name, "Duration", milliseconds, "Milliseconds")


def _count(function: str, metric: str, value: float, unit: str) -> None:
    cloudwatch.record_metric("AWS/Lambda", metric, value, unit, {"FunctionName": function})


def _record(line: str) -> None:
    try:
        document = json.loads(line[line.index("{") :])
        for namespace, name, value, unit, dimensions in points(document):
            cloudwatch.record_metric(namespace, name, value, unit, dimensions)
    except (ValueError, KeyError, TypeError) as error:
        logger.error("a metric in embedded format is broken: %s %s", type(error).__name__, error)


def points(document: dict[str, Any]) -> Iterator[Point]:
    """Every data point of one document; raises KeyError where a name has no value."""
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive.get("Dimensions") or [[]]:
            where = {name: str(document[name]) for name in dimensions}
            for metric in directive["Metrics"]:
                found = document[metric["Name"]]
                for value in found if isinstance(found, list) else [found]:
                    unit = metric.get("Unit", "None")
                    yield directive["Namespace"], metric["Name"], float(value), unit, where


def measure_queues() -> None:
    """One data point for every queue: how many messages wait."""
    for queue in list(sqs._queues.values()):
        name = queue.get("name", "")
        waiting = sum(1 for message in queue.get("messages", []) if message)
        cloudwatch.record_metric(
            "AWS/SQS", "ApproximateNumberOfMessagesVisible", waiting, "Count", {"QueueName": name}
        )
