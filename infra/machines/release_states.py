"""The kinds of states that a release is made of; `release` says in which order they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.machines.states import State, call, caught, invoke

BUSY = "*_IN_PROGRESS state*"
THROTTLED = "*Rate exceeded*"


@dataclass(frozen=True, kw_only=True)
class ReleaseParts:
    """What the machine uses; ARNs and names, which may hold CDK tokens.

    role_arn: the narrow role, without which CloudFormation would take the one of the last deploy.
    """

    stack_name: str
    role_arn: str
    validate: str
    verify: str
    golden: str
    record: str
    topic_arn: str
    subject: str


def short_id() -> str:
    """Eight characters: names of Models have 63 in all."""
    return "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"


def if_busy(wait: str, otherwise: str) -> State:
    """Whether an update was refused because another one goes on."""
    waits = [
        {"Variable": "$.error.Cause", "StringMatches": pattern, "Next": wait}
        for pattern in (BUSY, THROTTLED)
    ]
    return {"Type": "Choice", "Choices": waits, "Default": otherwise}


def describe_stack(parts: ReleaseParts, next: str, unseen: str) -> State:
    return call(
        "cloudformation:describeStacks",
        {"StackName": parts.stack_name},
        ResultSelector={
            "status.$": "$.Stacks[0].StackStatus",
            "parameters.$": "$.Stacks[0].Parameters",
        },
        ResultPath="$.stack",
        Next=next,
        Catch=caught(unseen),
    )


def compare_release(next: str) -> State:
    """Whether the stack shows this release: by key, since the order of parameters is nobody's."""
    return {
        "Type": "Pass",
        "Parameters": {
            "status.$": "$.stack.status",
            "is_own.$": "States.ArrayContains($.stack.parameters, $.own_parameter)",
        },
        "ResultPath": "$.stack",
        "Next": next,
    }


def if_stack(status: str, next: str) -> State:
    return {"Variable": "$.stack.status", "StringMatches": status, "Next": next}


def verify(parts: ReleaseParts, package: str, next: str, unseen: str) -> State:
    return invoke(
        parts.verify,
        Parameters={"model_package_arn.$": package, "release.$": "$.release.id"},
        ResultPath="$.seen",
        Next=next,
        Catch=caught(unseen),
    )


def record(parts: ReleaseParts, outcome: str | None, reason: str, **more: Any) -> State:
    """outcome: None takes that of the ending."""
    ending: State = {"outcome": outcome} if outcome else {"outcome.$": "$.ending.outcome"}
    return invoke(
        parts.record,
        Parameters={
            "model_package_arn.$": "$.model_package_arn",
            "reason.$": reason,
            "execution.$": "$$.Execution.Id",
            "previous_package_arn.$": "$.plan.previous_package_arn",
            **ending,
        },
        ResultPath="$.recorded",
        **more,
    )


def keep(reason: str, next: str) -> State:
    """Keep a sentence; reason: a path, or an intrinsic."""
    return {
        "Type": "Pass",
        "Parameters": {"reason.$": reason},
        "ResultPath": "$.so_far",
        "Next": next,
    }


def fail_with(outcome: str, reason: str) -> State:
    """Keep how this ends, and go to the one way out of failures."""
    error = f"Release{outcome.capitalize()}"
    return {
        "Type": "Pass",
        "Parameters": {"outcome": outcome, "error": error, "reason.$": reason},
        "ResultPath": "$.ending",
        "Next": "RecordFailure",
    }


def end_with(message: str) -> State:
    return {"Type": "Pass", "Parameters": {"message.$": message}, "End": True}
