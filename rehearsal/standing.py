"""Scenes of what stands: a share of the account for the API; logs and metrics that are written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3

from lambdas.contract import metrics
from lambdas.ports import functions, stacks
from rehearsal.asking import as_client, ask
from rehearsal.theatre import Theatre, require

Json = dict[str, Any]
API_HANDLER = "lambdas.ratings.rate.handler"
LOG_SECONDS = 5
ANSWER_SECONDS = 60  # of a release that is under way
KEPT_FREE = 100  # executions that Lambda leaves for functions without a share of their own
# What our functions write only where something is wrong: the outage matrix causes it.
WRITTEN_IN_TROUBLE = {metrics.MODEL_ERRORS}
# What AWS writes by itself, of all that alarms here look at; a dimension names what must exist.
WRITTEN_BY_AWS = {
    "AWS/ApiGateway": {"Count", "5XXError"},
    "AWS/Firehose": {"DeliveryToS3.Success"},
    "AWS/Lambda": {"Invocations", "Errors", "Throttles", "Duration"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/SageMaker": {"Invocation5XXErrors", "InvocationModelErrors", "ModelLatency"},
    "AWS/States": {"ExecutionsFailed", "ExecutionsTimedOut"},
}


def share(theatre: Theatre) -> str:
    """Bulk work takes every execution that it can get; how many are left for the API."""
    client, mine, others = boto3.client("lambda"), 0, 0
    for name in _physical(theatre, "AWS::Lambda::Function"):
        kept = client.get_function_concurrency(FunctionName=name)
        reserved = int(kept.get("ReservedConcurrentExecutions", 0))
        handler = client.get_function_configuration(FunctionName=name)["Handler"]
        mine, others = (reserved, others) if handler == API_HANDLER else (mine, others + reserved)
    quota = functions.concurrency_quota()
    bulk = theatre.stage.data.worker_concurrency
    require(bool(mine) or not bulk, "the API has no reserved share: bulk work may take all")
    require(mine + others <= quota - KEPT_FREE, f"{mine + others} of {quota} cannot be reserved")
    return f"{mine} of {quota} executions are the API's, {others} bulk work's"


def signals(theatre: Theatre) -> str:
    """Each function that was called has a log, and what each alarm looks at is written."""
    began = _answered(theatre)
    silent = [name for name in _called(theatre) if not _has_log(name, began)]
    why = "were called and have no log: their roles may not write to it"
    require(not silent, f"{', '.join(silent)} {why} (`log-group:NAME:*`)")
    watched = list(_watched(theatre))
    known = "\n".join(name for part in theatre.parts for name in _names(theatre, part))
    for alarm, metric in watched:
        space, what = metric["Namespace"], metric["MetricName"]
        where = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
        if space == metrics.NAMESPACE:
            is_written = _was_written(space, what, where) or (
                what in WRITTEN_IN_TROUBLE and where == {metrics.STAGE: theatre.stage.label}
            )
        else:
            named = all(
                value in known or value in (theatre.stage.label, "AllTraffic")
                for value in where.values()
            )
            is_written = what in WRITTEN_BY_AWS.get(space, set()) and named
        require(is_written, f"the alarm {alarm} looks at {space} {what} {where}: nobody emits it")
    return f"{len(watched)} metrics of alarms are written, and every function's log"


def _answered(theatre: Theatre) -> float:
    """When a question was asked that the model has answered."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        began = time.time()
        status, _ = ask(as_client(theatre))
        if status == 200 or time.monotonic() > deadline:
            require(status == 200, f"no model answers: the API says {status}")
            return began
        time.sleep(1)


def _was_written(space: str, name: str, where: dict[str, str]) -> bool:
    found = boto3.client("cloudwatch").get_paginator("list_metrics")
    wanted = sorted(where.items())
    return any(
        sorted((d["Name"], d["Value"]) for d in one["Dimensions"]) == wanted
        for page in found.paginate(Namespace=space, MetricName=name)
        for one in page["Metrics"]
    )


def _watched(theatre: Theatre) -> Iterator[tuple[str, Json]]:
    pages = boto3.client("cloudwatch").get_paginator("describe_alarms")
    prefix = f"{theatre.stage.name()}-"
    for page in pages.paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"]):
        for alarm in page["MetricAlarms"]:
            stats = [
                q["MetricStat"]["Metric"] for q in alarm.get("Metrics", []) if "MetricStat" in q
            ]
            for metric in stats or [alarm]:
                yield alarm["AlarmName"].removeprefix(prefix), metric


def _called(theatre: Theatre) -> list[str]:
    return [
        name
        for name in _physical(theatre, "AWS::Lambda::Function")
        if _was_written("AWS/Lambda", "Invocations", {"FunctionName": name})
    ]


def _has_log(function: str, began: float) -> bool:
    """Whether it has any; of the API's, which was called just now, one of this moment."""
    settings = boto3.client("lambda").get_function_configuration(FunctionName=function)
    group = settings.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{function}")
    since = began if settings["Handler"] == API_HANDLER else 0
    pages = boto3.client("logs").get_paginator("describe_log_streams")
    deadline = time.monotonic() + LOG_SECONDS
    while time.monotonic() < deadline:
        made = pages.paginate(logGroupName=group).search("logStreams[].creationTime")
        if any(moment is not None and moment >= 1000 * since for moment in made):
            return True
        time.sleep(0.5)
    return False


def _physical(theatre: Theatre, kind: str) -> list[str]:
    return [name for part in theatre.parts for name in stacks.going(theatre.place.name(part), kind)]


def _names(theatre: Theatre, part: str) -> list[str]:
    return [resource.name for resource in stacks.resources(theatre.place.name(part))]
