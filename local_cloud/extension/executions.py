"""Step Functions: the same start twice is one execution, and what failed has no output.

Gap: MiniStack refuses a second start with the name and input of one that runs, which AWS answers
with the first; it takes an input that is no JSON, and describes a failed execution with an output.
Delete when it starts once, refuses and leaves the output out.
Source: StartExecution and DescribeExecution in the API reference of Step Functions.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import stepfunctions as states

Response = Any  # status, headers and body


def install() -> None:
    """Look for the execution before it is started, and at its status before it is described."""
    start: Callable[[dict[str, Any]], Response] = states._start_execution
    describe: Callable[[dict[str, Any]], Response] = states._describe_execution

    def start_execution(data: dict[str, Any]) -> Response:
        if not _is_json(data.get("input", "{}")):
            return error_response_json("InvalidExecutionInput", "Invalid State Machine Input", 400)
        found = _running(data)
        if found is None:
            return start(data)
        return json_response(
            {"executionArn": found["executionArn"], "startDate": found["startDate"]}
        )

    def describe_execution(data: dict[str, Any]) -> Response:
        status, headers, body = describe(data)
        found = json.loads(body)
        if status != 200 or found["status"] == "SUCCEEDED":
            return status, headers, body
        return json_response({name: value for name, value in found.items() if name != "output"})

    states._start_execution = start_execution
    states._describe_execution = describe_execution


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _running(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The execution that runs under the name that is asked for, with the same input."""
    machine = str(data.get("stateMachineArn", ""))
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{data.get('name')}"
    found: dict[str, Any] | None = states._executions.get(arn)
    if found is None or found["status"] != "RUNNING":
        return None
    return found if found["input"] == data.get("input", "{}") else None
