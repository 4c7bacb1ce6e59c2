"""Step Functions, Lambda and CloudFormation as the list of operations says we rely on them."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import Any

import pytest

from tests.unit.local_cloud.asking import refusal, status
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, deploy, settled, until

WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5000, "End": True}}}
PASSES = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAILS = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Ours", "Cause": "why"}}}


def machine(cloud: Cloud, name: str, definition: dict[str, Any]) -> str:
    role = cloud.role(f"{name}-role", "states")
    answer = cloud.client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=role
    )
    return str(answer["stateMachineArn"])


def ended(states: Any, arn: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = states.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    return dict(until(look))


def test_an_execution_says_what_came_of_it(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    good, bad = machine(cloud, "good", PASSES), machine(cloud, "bad", FAILS)
    first = states.start_execution(stateMachineArn=good, input='{"n": 1}')["executionArn"]
    found = ended(states, first)
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"n": 1})
    assert "error" not in found
    second = states.start_execution(stateMachineArn=bad, input="{}")["executionArn"]
    found = ended(states, second)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Ours", "why")
    assert "output" not in found
    wrong = {"stateMachineArn": good, "input": "no json"}
    assert refusal(states.start_execution, **wrong) == ("InvalidExecutionInput", 400)
    gone = good.replace(":good", ":none")
    assert refusal(states.start_execution, stateMachineArn=gone)[0] == "StateMachineDoesNotExist"
    gone = first[:-1] + "_"
    assert refusal(states.describe_execution, executionArn=gone)[0] == "ExecutionDoesNotExist"


def test_a_name_starts_an_execution_once(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    arn = machine(cloud, "waits", WAITS)
    asked = {"stateMachineArn": arn, "name": "once"}
    first = states.start_execution(input='{"n": 1}', **asked)
    assert (
        states.start_execution(input='{"n": 1}', **asked)["executionArn"] == (first["executionArn"])
    )
    assert refusal(states.start_execution, input='{"n": 2}', **asked) == (
        "ExecutionAlreadyExists",
        400,
    )
    states.stop_execution(executionArn=first["executionArn"])
    ended(states, first["executionArn"])
    assert refusal(states.start_execution, input='{"n": 1}', **asked)[0] == (
        "ExecutionAlreadyExists"
    )


def test_executions_are_listed_newest_first_and_by_status(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    arn = machine(cloud, "waits", WAITS)
    made = [
        states.start_execution(stateMachineArn=arn, input="{}", name=f"e{number}")["executionArn"]
        for number in range(3)
    ]
    listed = states.list_executions(stateMachineArn=arn, maxResults=100)["executions"]
    assert {item["executionArn"] for item in listed} == set(made)
    dates = [item["startDate"] for item in listed]
    assert dates == sorted(dates, reverse=True)
    part = states.list_executions(stateMachineArn=arn, maxResults=2)
    assert len(part["executions"]) == 2
    rest = states.list_executions(stateMachineArn=arn, nextToken=part["nextToken"])
    assert len(rest["executions"]) == 1
    stopped = states.stop_execution(executionArn=made[0], error="Stopped", cause="by a test")
    assert stopped["stopDate"]
    found = ended(states, made[0])
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Stopped", "by a test")
    aborted = states.list_executions(stateMachineArn=arn, statusFilter="ABORTED")["executions"]
    assert [item["executionArn"] for item in aborted] == made[:1]
    running = states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
    assert len(running) == 2
    for one in made[1:]:
        states.stop_execution(executionArn=one)


CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("why")
    return {"got": event, "version": context.function_version}
"""


@pytest.fixture
def function(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(f"LAMBDA_PYTHON3_{sys.version_info.minor}", sys.executable)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", CODE)
    cloud.client("lambda").create_function(
        FunctionName="answer",
        Runtime=f"python3.{sys.version_info.minor}",
        Role=cloud.role("answer", "lambda"),
        Handler="main.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=10,
        MemorySize=256,
        Environment={"Variables": {"A": "1"}},
    )
    return "answer"


# MiniStack leaves the pipes of a function that raised to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_function_answers_and_says_that_it_raised(cloud: Cloud, function: str) -> None:
    functions = cloud.client("lambda")
    answer = functions.invoke(FunctionName=function, Payload=b'{"a": 1}')
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    body = json.loads(answer["Payload"].read())
    assert body == {"got": {"a": 1}, "version": "$LATEST"}
    assert "FunctionError" not in answer
    answer = functions.invoke(FunctionName=function, Payload=b'{"fail": true}')
    assert (status(answer), answer["FunctionError"]) == (200, "Unhandled")
    body = json.loads(answer["Payload"].read())
    assert body["errorMessage"] == "why"
    assert refusal(functions.invoke, FunctionName="none") == ("ResourceNotFoundException", 404)


def test_without_a_reservation_left_a_function_is_throttled(cloud: Cloud, function: str) -> None:
    functions = cloud.client("lambda")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    assert refusal(functions.invoke, FunctionName=function, Payload=b"{}") == (
        "TooManyRequestsException",
        429,
    )
    functions.delete_function_concurrency(FunctionName=function)
    assert functions.invoke(FunctionName=function, Payload=b"{}")["StatusCode"] == 200
    limits = functions.get_account_settings()["AccountLimit"]
    assert limits["ConcurrentExecutions"] > 0


def test_what_an_update_does_not_name_stays(cloud: Cloud, function: str) -> None:
    functions = cloud.client("lambda")
    functions.update_function_configuration(FunctionName=function, Timeout=2)
    found = functions.get_function_configuration(FunctionName=function)
    assert (found["Timeout"], found["MemorySize"], found["Handler"]) == (2, 256, "main.handler")
    assert found["Environment"] == {"Variables": {"A": "1"}}
    other = {"Variables": {"B": "2"}}
    functions.update_function_configuration(FunctionName=function, Environment=other)
    found = functions.get_function_configuration(FunctionName=function)
    assert (found["Environment"], found["Timeout"]) == (
        other,
        2,
    )  # all of them take the old's place
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": {}})
    found = functions.get_function_configuration(FunctionName=function)
    assert not found.get("Environment", {}).get("Variables")
    assert found["Role"].endswith(":role/answer")
    absent = {"FunctionName": "none"}
    assert refusal(functions.get_function_configuration, **absent) == (
        "ResourceNotFoundException",
        404,
    )


def test_versions_are_listed_with_latest_and_deleted_one_by_one(
    cloud: Cloud, function: str
) -> None:
    functions = cloud.client("lambda")
    assert functions.publish_version(FunctionName=function)["Version"] == "1"
    functions.update_function_configuration(FunctionName=function, Timeout=3)
    assert functions.publish_version(FunctionName=function)["Version"] == "2"

    def listed() -> list[str]:
        pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        return [item["Version"] for page in pages for item in page["Versions"]]

    assert listed() == ["$LATEST", "1", "2"]
    functions.delete_function(FunctionName=function, Qualifier="1")
    assert listed() == ["$LATEST", "2"]
    assert [f["FunctionName"] for f in functions.list_functions()["Functions"]] == [function]


def test_a_policy_has_each_statement_once(cloud: Cloud, function: str) -> None:
    functions = cloud.client("lambda")
    absent = ("ResourceNotFoundException", 404)
    assert refusal(functions.get_policy, FunctionName=function) == absent
    source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/*"
    statement = {
        "FunctionName": function,
        "StatementId": "gateway",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": source,
    }
    functions.add_permission(**statement)
    assert refusal(functions.add_permission, **statement) == ("ResourceConflictException", 409)
    [found] = json.loads(functions.get_policy(FunctionName=function)["Policy"])["Statement"]
    assert found["Sid"] == "gateway"
    assert found["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert found["Condition"] == {"ArnLike": {"AWS:SourceArn": source}}
    functions.remove_permission(FunctionName=function, StatementId="gateway")
    wrong = {"FunctionName": function, "StatementId": "gateway"}
    assert refusal(functions.remove_permission, **wrong) == absent


QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}
TEMPLATE = {
    "Parameters": {"Name": {"Type": "String"}, "Other": {"Type": "String", "Default": "o"}},
    "Resources": {"Queue": QUEUE},
    "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
}


def given(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def test_a_stack_that_is_not_there_is_said_in_words(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation")
    for call in (
        stacks.describe_stacks,
        stacks.describe_stack_events,
        stacks.get_template,
        stacks.list_stack_resources,
    ):
        assert refusal(call, StackName="none") == ("ValidationError", 400), call
        with pytest.raises(stacks.exceptions.ClientError, match="does not exist"):
            call(StackName="none")
    stacks.delete_stack(StackName="none")  # no error, as on AWS


def test_an_update_with_the_previous_template_keeps_what_it_does_not_name(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation")
    body = json.dumps(TEMPLATE)
    stacks.create_stack(StackName="s", TemplateBody=body, Parameters=given(Name="one", Other="x"))
    assert settled(cloud, "s") == "CREATE_COMPLETE"
    kept = {"ParameterKey": "Other", "UsePreviousValue": True}
    update = {"StackName": "s", "UsePreviousTemplate": True}
    stacks.update_stack(Parameters=[*given(Name="two"), kept], **update)
    assert settled(cloud, "s") == "UPDATE_COMPLETE"
    [stack] = stacks.describe_stacks(StackName="s")["Stacks"]
    values = {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}
    assert values == {"Name": "two", "Other": "x"}
    assert stack["Outputs"][0]["OutputValue"].endswith("/two")
    with pytest.raises(stacks.exceptions.ClientError, match="No updates are to be performed"):
        stacks.update_stack(Parameters=[*given(Name="two"), kept], **update)
    assert refusal(stacks.create_stack, StackName="s", TemplateBody=body) == (
        "AlreadyExistsException",
        400,
    )


def test_events_come_newest_first_and_resources_by_their_names(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation")
    assert deploy(cloud, "s", Queue={"Type": "AWS::SQS::Queue"}) == "CREATE_COMPLETE"
    events = stacks.describe_stack_events(StackName="s")["StackEvents"]
    assert events[0]["ResourceStatus"] == "CREATE_COMPLETE"
    assert events[0]["ResourceType"] == "AWS::CloudFormation::Stack"
    assert events[-1]["ResourceStatus"] == "CREATE_IN_PROGRESS"
    times = [event["Timestamp"] for event in events]
    assert times == sorted(times, reverse=True)
    pages = stacks.get_paginator("list_stack_resources").paginate(StackName="s")
    [found] = [item for page in pages for item in page["StackResourceSummaries"]]
    assert found["LogicalResourceId"] == "Queue"
    assert found["ResourceStatus"] == "CREATE_COMPLETE"
    [same] = stacks.describe_stack_resources(StackName="s")["StackResources"]
    assert same["PhysicalResourceId"] == found["PhysicalResourceId"]
    template = stacks.get_template(StackName="s")["TemplateBody"]
    assert template["Resources"] == {"Queue": {"Type": "AWS::SQS::Queue"}}


def test_a_protected_stack_stays(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation")
    deploy(cloud, "s", Queue={"Type": "AWS::SQS::Queue"})
    protect = {"StackName": "s", "EnableTerminationProtection": True}
    stacks.update_termination_protection(**protect)
    assert refusal(stacks.delete_stack, StackName="s") == ("ValidationError", 400)
    stacks.update_termination_protection(**{**protect, "EnableTerminationProtection": False})
    stacks.delete_stack(StackName="s")
    assert settled(cloud, "s") == "GONE"


def test_a_change_set_says_what_it_would_do_before_it_does(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation")
    names = {"StackName": "s", "ChangeSetName": "first"}
    body = json.dumps(TEMPLATE)
    stacks.create_change_set(
        ChangeSetType="CREATE", TemplateBody=body, Parameters=given(Name="one"), **names
    )

    def ready() -> dict[str, Any] | None:
        found = stacks.describe_change_set(**names)
        return found if not found["Status"].endswith(("PENDING", "IN_PROGRESS")) else None

    found = until(ready)
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    [change] = [item["ResourceChange"] for item in found["Changes"]]
    assert (change["Action"], change["LogicalResourceId"]) == ("Add", "Queue")
    [stack] = stacks.describe_stacks(StackName="s")["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    stacks.execute_change_set(**names)
    assert until(lambda: settled(cloud, "s")) == "CREATE_COMPLETE"
    names["ChangeSetName"] = "nothing"
    stacks.create_change_set(
        ChangeSetType="UPDATE", TemplateBody=body, Parameters=given(Name="one"), **names
    )
    found = until(ready)
    assert found["Status"] == "FAILED"
    assert "didn't contain changes" in found["StatusReason"]
    stacks.delete_change_set(**names)
    assert refusal(stacks.describe_change_set, **names) == ("ChangeSetNotFound", 404)


def test_a_change_set_keeps_a_previous_value(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation")
    stacks.create_stack(
        StackName="s", TemplateBody=json.dumps(TEMPLATE), Parameters=given(Name="one", Other="x")
    )
    assert settled(cloud, "s") == "CREATE_COMPLETE"
    names = {"StackName": "s", "ChangeSetName": "second"}
    kept = [{"ParameterKey": key, "UsePreviousValue": True} for key in ("Name", "Other")]
    second = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Other"}}}
    changed = {**TEMPLATE, "Resources": {**TEMPLATE["Resources"], "Second": second}}
    body = json.dumps(changed)
    stacks.create_change_set(ChangeSetType="UPDATE", TemplateBody=body, Parameters=kept, **names)
    until(lambda: stacks.describe_change_set(**names)["Status"] == "CREATE_COMPLETE")
    stacks.execute_change_set(**names)
    assert settled(cloud, "s") == "UPDATE_COMPLETE"
    [stack] = stacks.describe_stacks(StackName="s")["Stacks"]
    values = {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}
    assert values == {"Name": "one", "Other": "x"}
    assert stack["Outputs"][0]["OutputValue"].endswith("/one")
    assert cloud.client("sqs").get_queue_url(QueueName="x")
