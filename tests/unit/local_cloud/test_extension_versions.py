"""Published versions, as the templates use them: what runs ends with the code it began with."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from lambdas.ports import functions as ports
from tests.unit.local_cloud.conftest import REGION, Cloud, may, settled, until

# MiniStack leaves the pipes of a Lambda worker that it has killed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
STACK = "versions"
KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of a test run on its own Python."""
    variable = f"LAMBDA_{RUNTIME.upper().replace('.', '_')}"
    monkeypatch.setenv(variable, sys.executable)


def template(role: str, answer: str, **more: dict[str, Any]) -> str:
    """A machine that waits, then calls the version whose code answers so."""
    version = f"Version{answer}"
    states = {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 100, "Next": "Call"},  # scaled to a second
            "Call": {"Type": "Task", "Resource": "${Called}", "End": True},
        },
    }
    resources = {
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "answering",
                "Runtime": RUNTIME,
                "Handler": "index.handler",
                "Role": role,
                "Code": {"ZipFile": f"def handler(event, context):\n    return {answer!r}\n"},
            },
        },
        version: {
            "Type": "AWS::Lambda::Version",
            "Properties": {"FunctionName": {"Ref": "Function"}},
            **KEPT,
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "waiting",
                "RoleArn": role,
                "DefinitionString": {"Fn::Sub": [json.dumps(states), {"Called": {"Ref": version}}]},
            },
        },
        **more,
    }
    return json.dumps({"Resources": resources})


def answer(cloud: Cloud, execution: str) -> object:
    """What an execution ended with."""
    states = cloud.client("stepfunctions")

    def look() -> Any:
        found = states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    ended = until(look)
    return json.loads(ended["output"]) if ended["status"] == "SUCCEEDED" else ended["cause"]


def started(cloud: Cloud) -> str:
    """An execution that has begun: MiniStack reads its definition a moment after the start."""
    states = cloud.client("stepfunctions")
    machine = f"arn:aws:states:{REGION}:000000000000:stateMachine:waiting"
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]

    def has_begun() -> bool:
        history = states.get_execution_history(executionArn=arn)["events"]
        return any(event["type"] == "WaitStateEntered" for event in history)

    until(has_begun)
    return str(arn)


def published(cloud: Cloud) -> list[str]:
    found = cloud.client("lambda").list_versions_by_function(FunctionName="answering")
    return [version["Version"] for version in found["Versions"]]


def test_an_execution_ends_with_the_code_it_began_with(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "client", cloud.client)
    functions = f"arn:aws:lambda:{REGION}:000000000000:function:answering:*"
    role = cloud.role("both", "states", may("lambda:InvokeFunction", on=functions))
    deploys = cloud.client("cloudformation")
    deploys.create_stack(StackName=STACK, TemplateBody=template(role, "one"))
    assert settled(cloud, STACK) == "CREATE_COMPLETE"
    before = started(cloud)
    deploys.update_stack(StackName=STACK, TemplateBody=template(role, "two"))
    assert settled(cloud, STACK) == "UPDATE_COMPLETE"
    after = started(cloud)
    assert (answer(cloud, before), answer(cloud, after)) == ("one", "two")
    first, second = ports.versions("answering")
    assert (first.number, second.number) == (1, 2)
    assert first.published < second.published
    ports.delete_version("answering", 1)
    assert [version.number for version in ports.versions("answering")] == [2]
    deploys.delete_stack(StackName=STACK)
    assert settled(cloud, STACK) == "GONE"
    assert cloud.client("lambda").list_functions()["Functions"] == []  # versions go with it


def test_a_deploy_that_failed_leaves_no_version_in_the_way_of_the_next(cloud: Cloud) -> None:
    role = cloud.role("both", "states", may("lambda:InvokeFunction"))
    deploys = cloud.client("cloudformation")
    deploys.create_stack(StackName=STACK, TemplateBody=template(role, "one"))
    assert settled(cloud, STACK) == "CREATE_COMPLETE"
    # A parameter of this name is there already, and nobody's: the update fails at its end.
    cloud.client("ssm").put_parameter(Name="/taken", Type="String", Value="a")
    taken = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": "/taken", "Type": "String", "Value": "b"},
        "DependsOn": ["Machine"],
    }
    deploys.update_stack(StackName=STACK, TemplateBody=template(role, "two", Taken=taken))
    assert settled(cloud, STACK) == "UPDATE_ROLLBACK_COMPLETE"
    assert published(cloud) == ["$LATEST", "1"]
    assert answer(cloud, started(cloud)) == "one"
    deploys.update_stack(StackName=STACK, TemplateBody=template(role, "two"))
    assert settled(cloud, STACK) == "UPDATE_COMPLETE"
    assert answer(cloud, started(cloud)) == "two"
