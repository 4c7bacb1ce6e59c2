"""Step Functions state machines and their executions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.ports.clients import client


@dataclass(frozen=True)
class Execution:
    """One execution in a list."""

    arn: str
    name: str
    status: str
    started: datetime


@dataclass(frozen=True)
class Described:
    """One execution with what came of it; output, error and cause are None until then."""

    arn: str
    status: str
    output: str | None
    error: str | None
    cause: str | None


def start(machine_arn: str, event: dict[str, Any], name: str = "") -> str:
    """Start an execution and return its ARN; a name makes the start happen once."""
    more = {"name": name} if name else {}
    answer = client("stepfunctions").start_execution(
        stateMachineArn=machine_arn, input=json.dumps(event), **more
    )
    return str(answer["executionArn"])


def executions(machine_arn: str, status: str = "") -> list[Execution]:
    """Executions, newest first, at most the last hundred; `status` filters."""
    more = {"statusFilter": status} if status else {}
    answer = client("stepfunctions").list_executions(
        stateMachineArn=machine_arn, maxResults=100, **more
    )
    found = [
        Execution(item["executionArn"], item["name"], item["status"], item["startDate"])
        for item in answer["executions"]
    ]
    return sorted(found, key=lambda item: item.started, reverse=True)


def describe(execution_arn: str) -> Described:
    """What an execution is doing, or what came of it."""
    answer = client("stepfunctions").describe_execution(executionArn=execution_arn)
    return Described(
        execution_arn,
        answer["status"],
        answer.get("output"),
        answer.get("error"),
        answer.get("cause"),
    )


def stop_all(machine_arn: str) -> int:
    """Stop every running execution and return how many there were."""
    running = executions(machine_arn, "RUNNING")
    for execution in running:
        client("stepfunctions").stop_execution(
            executionArn=execution.arn, error="Stopped", cause="by a person's command"
        )
    return len(running)
