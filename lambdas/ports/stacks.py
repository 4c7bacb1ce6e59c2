"""CloudFormation stacks."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas.ports.clients import client


def outputs(name: str) -> dict[str, str]:
    """The outputs of a stack by key; empty where there is no such stack."""
    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return {}
        raise
    return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}


def status(name: str) -> str:
    """The status of a stack."""
    stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return str(stack["StackStatus"])


def settled(name: str) -> str | None:
    """The status of a stack once nothing is going on in it, else None."""
    now = status(name)
    return None if now.endswith("_IN_PROGRESS") else now


def failure(name: str) -> str:
    """What went wrong first in the newest update of a stack; empty where nothing did."""
    try:
        events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return ""
        raise
    found = ""
    for event in events:  # newest first
        reason, status = event.get("ResourceStatusReason", ""), event["ResourceStatus"]
        if event["ResourceType"] == "AWS::CloudFormation::Stack":
            if status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
                break
        elif status in ("CREATE_FAILED", "UPDATE_FAILED") and "cancelled" not in reason.lower():
            found = f"{event['LogicalResourceId']}: {reason}"
    return found


def parameters(name: str) -> dict[str, str]:
    """The parameters of a stack by key."""
    stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    found = stack.get("Parameters", [])
    return {item["ParameterKey"]: item["ParameterValue"] for item in found}


def update_parameters(name: str, changed: dict[str, str], role_arn: str) -> None:
    """Update a stack with its own template; parameters that are not named keep their value."""
    keys = parameters(name)
    client("cloudformation").update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        RoleARN=role_arn,
        Parameters=[
            {"ParameterKey": key, "ParameterValue": changed[key]}
            if key in changed
            else {"ParameterKey": key, "UsePreviousValue": True}
            for key in keys
        ],
    )
