"""CloudFormation stacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

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


def exists(name: str) -> bool:
    """Whether there is such a stack."""
    return bool(status_if_there(name))


def stands(name: str) -> bool:
    """Whether there is such a stack and nobody is deleting it."""
    found = status_if_there(name)
    return bool(found) and not found.startswith("DELETE_")


def role(name: str) -> str:
    """The role under which a stack was last changed; empty where it was the caller's."""
    stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return str(stack.get("RoleARN") or "")


@dataclass(frozen=True)
class StackResource:
    """A resource of a stack; goes: whether it is deleted with the stack."""

    kind: str
    name: str
    goes: bool


def template(name: str) -> dict[str, Any]:
    """The template that a stack was last deployed with."""
    body = client("cloudformation").get_template(StackName=name)["TemplateBody"]
    found: dict[str, Any] = json.loads(body) if isinstance(body, str) else body
    return found


def resources(name: str) -> list[StackResource]:
    """What a stack holds, by physical names."""
    made = template(name)["Resources"]
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    return [
        StackResource(
            item["ResourceType"],
            item["PhysicalResourceId"],
            made.get(item["LogicalResourceId"], {}).get("DeletionPolicy", "Delete") == "Delete",
        )
        for page in pages
        for item in page["StackResourceSummaries"]
        if item["ResourceStatus"] != "DELETE_COMPLETE" and item.get("PhysicalResourceId")
    ]


def going(name: str, kind: str) -> list[str]:
    """Physical names of a stack's resources of one type that go when the stack is deleted."""
    return [found.name for found in resources(name) if found.kind == kind and found.goes]


def lift_protection(name: str) -> None:
    """Let a stack be deleted, whatever its deploy has said of that."""
    client("cloudformation").update_termination_protection(
        StackName=name, EnableTerminationProtection=False
    )


def delete(name: str, role_arn: str) -> None:
    """Begin to delete a stack, under a role where one is named."""
    more = {"RoleARN": role_arn} if role_arn else {}
    client("cloudformation").delete_stack(StackName=name, **more)


def refusals(name: str) -> list[str]:
    """What could not be deleted when a stack was last deleted, each with its reason."""
    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    found = []
    for event in events:  # newest first
        if event["ResourceType"] == "AWS::CloudFormation::Stack":
            if event["ResourceStatus"] == "DELETE_IN_PROGRESS":
                break
        elif event["ResourceStatus"] == "DELETE_FAILED":
            what = f"{event['ResourceType']} {event.get('PhysicalResourceId', '')}"
            found.append(f"{what}: {event.get('ResourceStatusReason', 'no reason given')}")
    return found


def status(name: str) -> str:
    """The status of a stack."""
    stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return str(stack["StackStatus"])


def status_if_there(name: str) -> str:
    """The status of a stack; empty where there is none, which one call knows, and two do not."""
    try:
        return status(name)
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return ""
        raise


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
