"""The Release machine's definition: a pure function, in Amazon States Language.

What is asked for is compared with what is served, then the Endpoint stack is updated with its
own template, then what serves is looked at and asked, and only then is it called released.
Whatever goes wrong ends with the former package in service, or says that it is not.

In the state: `model_package_arn`, `force`; `release` its short id; `mine` that id as the stack
shows it; `plan` what validate said; `update` present once the stack was touched; `said.why` what
went wrong, in a sentence; `ending` outcome, error and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.machines.states import State, call, caught, invoke, publish, reason

WAIT_SECONDS = 15
QUEUE_SECONDS = 30  # the stack is busy with another release or a deploy
LONGEST_SECONDS = 3 * 3600
BUSY = "*_IN_PROGRESS state*"
THROTTLED = "*Rate exceeded*"


@dataclass(frozen=True, kw_only=True)
class Parts:
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


def definition(parts: Parts) -> State:
    """The whole machine."""
    return {
        "Comment": "One package into service, or the reason why not",
        "StartAt": "Asked",
        "TimeoutSeconds": LONGEST_SECONDS,
        "States": {
            **_decide(parts),
            **_update(parts),
            **_prove(parts),
            **_go_back(parts),
            **reason("Said"),
            **_end(parts),
        },
    }


def _decide(parts: Parts) -> dict[str, State]:
    """Name this release and ask whether it may go out."""
    return {
        "Asked": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.force", "IsPresent": True, "Next": "Name"}],
            "Default": "NotForced",
        },
        "NotForced": {"Type": "Pass", "Result": False, "ResultPath": "$.force", "Next": "Name"},
        "Name": {
            "Type": "Pass",
            "Parameters": {"id.$": _short_id(), "back.$": _short_id()},
            "ResultPath": "$.release",
            "Next": "Mine",
        },
        "Mine": {
            "Type": "Pass",
            "Parameters": {"ParameterKey": "Release", "ParameterValue.$": "$.release.id"},
            "ResultPath": "$.mine",
            "Next": "NoPlan",
        },
        "NoPlan": {
            "Type": "Pass",
            "Result": {"previous_package_arn": ""},
            "ResultPath": "$.plan",
            "Next": "Validate",
        },
        "Validate": invoke(
            parts.validate,
            Parameters={
                "model_package_arn.$": "$.model_package_arn",
                "release.$": "$.release.id",
                "force.$": "$.force",
            },
            ResultPath="$.plan",
            Next="May",
            Catch=caught("Why"),
        ),
        "May": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.plan.action", "StringEquals": "release", "Next": "Update"},
                {"Variable": "$.plan.action", "StringEquals": "serving", "Next": "Serving"},
            ],
            "Default": "Refused",
        },
        # The same event twice, or nothing to do: no fault, and not told.
        "Serving": _done("$.plan.reason"),
        "Refused": _ending("refused", "$.plan.reason"),
    }


def _update(parts: Parts) -> dict[str, State]:
    """Move the stack to the package and wait for the end."""
    return {
        "Update": _update_stack(
            parts,
            {
                "ModelPackageArn": "$.model_package_arn",
                "Release": "$.release.id",
                "Rollout": "$.plan.rollout",
            },
            ResultPath="$.update",
            Next="Wait",
            Catch=caught("NotStarted"),
        ),
        "NotStarted": _busy("Queue", "Why"),
        # Then from the start: another release may have changed what is live.
        "Queue": {"Type": "Wait", "Seconds": QUEUE_SECONDS, "Next": "Validate"},
        "Wait": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "Look"},
        "Look": _look(parts, "Whose", "Why"),
        "Whose": _whose("Ended"),
        "Ended": {
            "Type": "Choice",
            "Choices": [
                _is("UPDATE_ROLLBACK_FAILED", "Wedged"),
                _is("*_IN_PROGRESS", "Wait"),
                {"Variable": "$.stack.mine", "BooleanEquals": True, "Next": "Verify"},
                _is("*ROLLBACK_COMPLETE", "RolledBack"),
            ],
            "Default": "Superseded",
        },
        "RolledBack": _verify(parts, "$.model_package_arn", "WhyRolledBack", "NotSeen"),
        "NotSeen": _ending(
            "failed", "States.Format('the update was rolled back, and {}', $.error.Cause)"
        ),
        "WhyRolledBack": _ending(
            "failed", "States.Format('the update was rolled back: {}', $.seen.reason)"
        ),
        "Wedged": _ending(
            "failed",
            f"States.Format('{parts.stack_name} is {{}}: run `cdk rollback Endpoint`, then "
            "release again', $.stack.status)",
        ),
    }


def _prove(parts: Parts) -> dict[str, State]:
    """See what serves, ask it, and write it down."""
    passed = {"Variable": "$.golden.passed", "BooleanEquals": True, "Next": "Record"}
    return {
        "Verify": _verify(parts, "$.model_package_arn", "Serves", "Why"),
        "Serves": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.seen.served", "BooleanEquals": True, "Next": "Golden"}],
            "Default": "NotServed",
        },
        # CloudFormation took a rollback of SageMaker's for success.
        "NotServed": _say("$.seen.reason", "Recheck"),
        "Golden": invoke(
            parts.golden,
            Parameters={"model_package_arn.$": "$.model_package_arn"},
            ResultPath="$.golden",
            Next="Matches",
            Catch=caught("Why"),
        ),
        "Matches": {"Type": "Choice", "Choices": [passed], "Default": "Differs"},
        "Differs": _say("$.golden.reason", "Recheck"),
        "Record": _record(
            parts, "released", "$.golden.reason", Next="Tell", Catch=caught("NotRecorded")
        ),
        "NotRecorded": {
            "Type": "Pass",
            "Parameters": {
                "message.$": "States.Format('released, but not recorded: {}', $.error.Cause)"
            },
            "ResultPath": "$.recorded",
            "Next": "Tell",
        },
        "Tell": publish(
            parts.topic_arn,
            f"{parts.subject}: a model was released",
            "$.recorded.message",
            Next="Released",
            Catch=caught("Released"),
        ),
        "Released": _done("$.recorded.message"),
    }


def _go_back(parts: Parts) -> dict[str, State]:
    """The former package again, at once and without alarms; unless a later release took over."""
    former = "$.plan.previous_package_arn"
    return {
        "Said": _say("$.why", "Touched"),
        "Touched": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.update", "IsPresent": True, "Next": "Recheck"}],
            "Default": "Failed",
        },
        "Recheck": _look(parts, "RecheckWhose", "Failed"),
        "RecheckWhose": _whose("StillMine"),
        "StillMine": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.stack.mine", "BooleanEquals": True, "Next": "GoBack"}],
            "Default": "Superseded",
        },
        "GoBack": _update_stack(
            parts,
            {"ModelPackageArn": former, "Release": "$.release.back", "Rollout": "at_once"},
            ResultPath=None,
            Next="WaitBack",
            Catch=caught("NotUndone"),
        ),
        "NotUndone": _busy("QueueBack", "WhyNotUndone"),
        "QueueBack": {"Type": "Wait", "Seconds": QUEUE_SECONDS, "Next": "Recheck"},
        "WhyNotUndone": _say(
            "States.Format('{}; going back was refused: {}', $.said.why, $.error.Cause)", "Failed"
        ),
        "WaitBack": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "LookBack"},
        "LookBack": _look(parts, "WentBack", "Failed"),
        "WentBack": {
            "Type": "Choice",
            "Choices": [_is("*_IN_PROGRESS", "WaitBack")],
            "Default": "Former",
        },
        "Former": {
            "Type": "Choice",
            "Choices": [{"Variable": former, "StringEquals": "", "Next": "NothingServes"}],
            "Default": "VerifyBack",
        },
        "NothingServes": _say("States.Format('{}; nothing serves now', $.said.why)", "Failed"),
        "VerifyBack": _verify(parts, former, "WhatServes", "Failed"),
        "WhatServes": _say("States.Format('{}; now {}', $.said.why, $.seen.reason)", "Failed"),
        "Failed": _ending("failed", "$.said.why"),
    }


def _end(parts: Parts) -> dict[str, State]:
    """Every other end: recorded, told with its reason, and failed; or overtaken, and quiet."""
    overtaken = "States.Format('overtaken by a later release than {}', $.release.id)"
    return {
        "Superseded": _say(overtaken, "RecordSuperseded"),
        "RecordSuperseded": _record(
            parts, "superseded", "$.said.why", Next="Overtaken", Catch=caught("Overtaken")
        ),
        "Overtaken": _done("$.said.why"),
        "RecordFailure": _record(
            parts, None, "$.ending.why", Next="TellFailure", Catch=caught("TellFailure")
        ),
        "TellFailure": publish(
            parts.topic_arn,
            f"{parts.subject}: a release did not go out",
            "States.Format('{}: {}', $.model_package_arn, $.ending.why)",
            Next="NotReleased",
            Catch=caught("NotReleased"),
        ),
        "NotReleased": {
            "Type": "Fail",
            "ErrorPath": "$.ending.error",
            "CausePath": "$.ending.why",
        },
    }


def _short_id() -> str:
    """Eight characters: names of Models have 63 in all."""
    return "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"


def _update_stack(parts: Parts, parameters: dict[str, str], **more: Any) -> State:
    """Update with the template that the stack has; all its parameters, always the narrow role.

    Never again by itself: a second call would find the first one's update.
    """
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudformation:updateStack",
        "Parameters": {
            "StackName": parts.stack_name,
            "UsePreviousTemplate": True,
            "RoleARN": parts.role_arn,
            "Parameters": [_parameter(key, value) for key, value in parameters.items()],
        },
        **more,
    }


def _parameter(key: str, value: str) -> dict[str, str]:
    field = "ParameterValue.$" if value.startswith("$") else "ParameterValue"
    return {"ParameterKey": key, field: value}


def _busy(queue: str, otherwise: str) -> State:
    """Whether an update was refused because another one goes on."""
    waits = [
        {"Variable": "$.error.Cause", "StringMatches": words, "Next": queue}
        for words in (BUSY, THROTTLED)
    ]
    return {"Type": "Choice", "Choices": waits, "Default": otherwise}


def _look(parts: Parts, next: str, unseen: str) -> State:
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


def _whose(next: str) -> State:
    """Whether the stack shows this release: by key, since the order of parameters is nobody's."""
    return {
        "Type": "Pass",
        "Parameters": {
            "status.$": "$.stack.status",
            "mine.$": "States.ArrayContains($.stack.parameters, $.mine)",
        },
        "ResultPath": "$.stack",
        "Next": next,
    }


def _is(status: str, next: str) -> State:
    return {"Variable": "$.stack.status", "StringMatches": status, "Next": next}


def _verify(parts: Parts, package: str, next: str, unseen: str) -> State:
    return invoke(
        parts.verify,
        Parameters={"model_package_arn.$": package, "release.$": "$.release.id"},
        ResultPath="$.seen",
        Next=next,
        Catch=caught(unseen),
    )


def _record(parts: Parts, outcome: str | None, why: str, **more: Any) -> State:
    """outcome: None takes that of the ending."""
    said: State = {"outcome": outcome} if outcome else {"outcome.$": "$.ending.outcome"}
    return invoke(
        parts.record,
        Parameters={
            "model_package_arn.$": "$.model_package_arn",
            "reason.$": why,
            "execution.$": "$$.Execution.Id",
            "previous_package_arn.$": "$.plan.previous_package_arn",
            **said,
        },
        ResultPath="$.recorded",
        **more,
    )


def _say(why: str, next: str) -> State:
    """Keep a sentence; why: a path, or an intrinsic."""
    return {
        "Type": "Pass",
        "Parameters": {"why.$": why},
        "ResultPath": "$.said",
        "Next": next,
    }


def _ending(outcome: str, why: str) -> State:
    """Keep how this ends, and go to the one way out of failures."""
    error = f"Release{outcome.capitalize()}"
    return {
        "Type": "Pass",
        "Parameters": {"outcome": outcome, "error": error, "why.$": why},
        "ResultPath": "$.ending",
        "Next": "RecordFailure",
    }


def _done(message: str) -> State:
    return {"Type": "Pass", "Parameters": {"message.$": message}, "End": True}
