"""The Release machine's definition: a pure function, in Amazon States Language.

What is asked for is compared with what is served, then the Endpoint stack is updated with its
own template, then what serves is looked at and asked, and only then is it called released.
Whatever goes wrong ends with the former package in service, or says that it is not.

In the state: `model_package_arn`, `force`; `release` its short id; `own_parameter` that id as the
stack shows it; `plan` what validate answered; `update` present once the stack was touched;
`so_far.reason` what went wrong, in a sentence; `ending` outcome, error and reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.machines.states import State, call, caught, explained, invoke, publish
from lambdas.contract import releases

WAIT_SECONDS = 15
BUSY_SECONDS = 30  # the stack is busy with another release or a deploy
MAX_SECONDS = 3 * 3600
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


def definition(parts: ReleaseParts) -> State:
    """The whole machine."""
    return {
        "Comment": "One package into service, or the reason why not",
        "StartAt": "CheckForce",
        "TimeoutSeconds": MAX_SECONDS,
        "States": {
            **_decide(parts),
            **_update(parts),
            **_prove(parts),
            **_go_back(parts),
            **explained("KeepMessage"),
            **_end(parts),
        },
    }


def _decide(parts: ReleaseParts) -> dict[str, State]:
    """Name this release and ask whether it may go out."""
    return {
        "CheckForce": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.force", "IsPresent": True, "Next": "NameRelease"}],
            "Default": "SetNotForced",
        },
        "SetNotForced": {
            "Type": "Pass",
            "Result": False,
            "ResultPath": "$.force",
            "Next": "NameRelease",
        },
        "NameRelease": {
            "Type": "Pass",
            "Parameters": {"id.$": _short_id(), "back.$": _short_id()},
            "ResultPath": "$.release",
            "Next": "SetOwnParameter",
        },
        "SetOwnParameter": {
            "Type": "Pass",
            "Parameters": {"ParameterKey": releases.RELEASE, "ParameterValue.$": "$.release.id"},
            "ResultPath": "$.own_parameter",
            "Next": "SetEmptyPlan",
        },
        "SetEmptyPlan": {
            "Type": "Pass",
            "Result": {"previous_package_arn": ""},
            "ResultPath": "$.plan",
            "Next": "CheckPackage",
        },
        "CheckPackage": invoke(
            parts.validate,
            Parameters={
                "model_package_arn.$": "$.model_package_arn",
                "release.$": "$.release.id",
                "force.$": "$.force",
            },
            ResultPath="$.plan",
            Next="CheckPlan",
            Catch=caught("CheckCause"),
        ),
        "CheckPlan": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.plan.action", "StringEquals": releases.GO, "Next": "UpdateStack"},
                {
                    "Variable": "$.plan.action",
                    "StringEquals": releases.SERVING,
                    "Next": "AlreadyServing",
                },
            ],
            "Default": "KeepRefusal",
        },
        # The same event twice, or nothing to do: no fault, and no alert.
        "AlreadyServing": _end_with("$.plan.reason"),
        "KeepRefusal": _fail_with(releases.REFUSED, "$.plan.reason"),
    }


def _update(parts: ReleaseParts) -> dict[str, State]:
    """Move the stack to the package and wait for the end."""
    return {
        "UpdateStack": _update_stack(
            parts,
            {
                releases.MODEL_PACKAGE_ARN: "$.model_package_arn",
                releases.RELEASE: "$.release.id",
                releases.ROLLOUT: "$.plan.rollout",
            },
            ResultPath="$.update",
            Next="WaitForStack",
            Catch=caught("CheckUpdateError"),
        ),
        "CheckUpdateError": _if_busy("WaitForOthers", "CheckCause"),
        # Then from the start: another release may have changed what is live.
        "WaitForOthers": {"Type": "Wait", "Seconds": BUSY_SECONDS, "Next": "CheckPackage"},
        "WaitForStack": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "DescribeStack"},
        "DescribeStack": _describe_stack(parts, "CompareRelease", "CheckCause"),
        "CompareRelease": _compare_release("CheckStack"),
        "CheckStack": {
            "Type": "Choice",
            "Choices": [
                _if_stack("UPDATE_ROLLBACK_FAILED", "KeepStuckStack"),
                _if_stack("*_IN_PROGRESS", "WaitForStack"),
                {"Variable": "$.stack.is_own", "BooleanEquals": True, "Next": "VerifyServing"},
                _if_stack("*ROLLBACK_COMPLETE", "VerifyRolledBack"),
            ],
            "Default": "KeepSuperseded",
        },
        "VerifyRolledBack": _verify(
            parts, "$.model_package_arn", "KeepRollbackReason", "KeepRollback"
        ),
        "KeepRollback": _fail_with(
            releases.FAILED, "States.Format('the update was rolled back, and {}', $.error.Cause)"
        ),
        "KeepRollbackReason": _fail_with(
            releases.FAILED, "States.Format('the update was rolled back: {}', $.seen.reason)"
        ),
        "KeepStuckStack": _fail_with(
            releases.FAILED,
            f"States.Format('{parts.stack_name} is {{}}: run `cdk rollback Endpoint`, then "
            "release again', $.stack.status)",
        ),
    }


def _prove(parts: ReleaseParts) -> dict[str, State]:
    """See what serves, ask it, and write it down."""
    passed = {"Variable": "$.golden.passed", "BooleanEquals": True, "Next": "RecordRelease"}
    return {
        "VerifyServing": _verify(parts, "$.model_package_arn", "CheckServing", "CheckCause"),
        "CheckServing": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.seen.served", "BooleanEquals": True, "Next": "AskGoldenSet"}
            ],
            "Default": "KeepNotServed",
        },
        # CloudFormation took a rollback of SageMaker's for success.
        "KeepNotServed": _keep("$.seen.reason", "DescribeStackAgain"),
        "AskGoldenSet": invoke(
            parts.golden,
            Parameters={"model_package_arn.$": "$.model_package_arn"},
            ResultPath="$.golden",
            Next="CheckGoldenSet",
            Catch=caught("CheckCause"),
        ),
        "CheckGoldenSet": {"Type": "Choice", "Choices": [passed], "Default": "KeepDifference"},
        "KeepDifference": _keep("$.golden.reason", "DescribeStackAgain"),
        "RecordRelease": _record(
            parts,
            releases.RELEASED,
            "$.golden.reason",
            Next="NotifyReleased",
            Catch=caught("KeepNotRecorded"),
        ),
        "KeepNotRecorded": {
            "Type": "Pass",
            "Parameters": {
                "message.$": "States.Format('released, but not recorded: {}', $.error.Cause)"
            },
            "ResultPath": "$.recorded",
            "Next": "NotifyReleased",
        },
        "NotifyReleased": publish(
            parts.topic_arn,
            f"{parts.subject}: a model was released",
            "$.recorded.message",
            Next="Released",
            Catch=caught("Released"),
        ),
        "Released": _end_with("$.recorded.message"),
    }


def _go_back(parts: ReleaseParts) -> dict[str, State]:
    """The former package again, at once and without alarms; unless a later release took over."""
    former = "$.plan.previous_package_arn"
    return {
        "KeepMessage": _keep("$.message", "CheckTouched"),
        "CheckTouched": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.update", "IsPresent": True, "Next": "DescribeStackAgain"}],
            "Default": "KeepFailure",
        },
        "DescribeStackAgain": _describe_stack(parts, "CompareReleaseAgain", "KeepFailure"),
        "CompareReleaseAgain": _compare_release("CheckStillOwn"),
        "CheckStillOwn": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.stack.is_own", "BooleanEquals": True, "Next": "RestoreFormer"}
            ],
            "Default": "KeepSuperseded",
        },
        "RestoreFormer": _update_stack(
            parts,
            {
                releases.MODEL_PACKAGE_ARN: former,
                releases.RELEASE: "$.release.back",
                releases.ROLLOUT: releases.AT_ONCE,
            },
            ResultPath=None,
            Next="WaitForRestore",
            Catch=caught("CheckRestoreError"),
        ),
        "CheckRestoreError": _if_busy("WaitToRestore", "KeepRestoreError"),
        "WaitToRestore": {"Type": "Wait", "Seconds": BUSY_SECONDS, "Next": "DescribeStackAgain"},
        "KeepRestoreError": _keep(
            "States.Format('{}; going back was refused: {}', $.so_far.reason, $.error.Cause)",
            "KeepFailure",
        ),
        "WaitForRestore": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "DescribeRestore"},
        "DescribeRestore": _describe_stack(parts, "CheckRestore", "KeepFailure"),
        "CheckRestore": {
            "Type": "Choice",
            "Choices": [_if_stack("*_IN_PROGRESS", "WaitForRestore")],
            "Default": "CheckFormer",
        },
        "CheckFormer": {
            "Type": "Choice",
            "Choices": [{"Variable": former, "StringEquals": "", "Next": "KeepNothingServes"}],
            "Default": "VerifyFormer",
        },
        "KeepNothingServes": _keep(
            "States.Format('{}; nothing serves now', $.so_far.reason)", "KeepFailure"
        ),
        "VerifyFormer": _verify(parts, former, "KeepWhatServes", "KeepFailure"),
        "KeepWhatServes": _keep(
            "States.Format('{}; now {}', $.so_far.reason, $.seen.reason)", "KeepFailure"
        ),
        "KeepFailure": _fail_with(releases.FAILED, "$.so_far.reason"),
    }


def _end(parts: ReleaseParts) -> dict[str, State]:
    """Every other end: recorded, published with its reason, failed; or overtaken, without alert."""
    overtaken = "States.Format('overtaken by a later release than {}', $.release.id)"
    return {
        "KeepSuperseded": _keep(overtaken, "RecordSuperseded"),
        "RecordSuperseded": _record(
            parts,
            releases.SUPERSEDED,
            "$.so_far.reason",
            Next="Overtaken",
            Catch=caught("Overtaken"),
        ),
        "Overtaken": _end_with("$.so_far.reason"),
        "RecordFailure": _record(
            parts, None, "$.ending.reason", Next="NotifyFailure", Catch=caught("NotifyFailure")
        ),
        "NotifyFailure": publish(
            parts.topic_arn,
            f"{parts.subject}: a release did not go out",
            "States.Format('{}: {}', $.model_package_arn, $.ending.reason)",
            Next="NotReleased",
            Catch=caught("NotReleased"),
        ),
        "NotReleased": {
            "Type": "Fail",
            "ErrorPath": "$.ending.error",
            "CausePath": "$.ending.reason",
        },
    }


def _short_id() -> str:
    """Eight characters: names of Models have 63 in all."""
    return "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"


def _update_stack(parts: ReleaseParts, parameters: dict[str, str], **more: Any) -> State:
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


def _if_busy(wait: str, otherwise: str) -> State:
    """Whether an update was refused because another one goes on."""
    waits = [
        {"Variable": "$.error.Cause", "StringMatches": pattern, "Next": wait}
        for pattern in (BUSY, THROTTLED)
    ]
    return {"Type": "Choice", "Choices": waits, "Default": otherwise}


def _describe_stack(parts: ReleaseParts, next: str, unseen: str) -> State:
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


def _compare_release(next: str) -> State:
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


def _if_stack(status: str, next: str) -> State:
    return {"Variable": "$.stack.status", "StringMatches": status, "Next": next}


def _verify(parts: ReleaseParts, package: str, next: str, unseen: str) -> State:
    return invoke(
        parts.verify,
        Parameters={"model_package_arn.$": package, "release.$": "$.release.id"},
        ResultPath="$.seen",
        Next=next,
        Catch=caught(unseen),
    )


def _record(parts: ReleaseParts, outcome: str | None, reason: str, **more: Any) -> State:
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


def _keep(reason: str, next: str) -> State:
    """Keep a sentence; reason: a path, or an intrinsic."""
    return {
        "Type": "Pass",
        "Parameters": {"reason.$": reason},
        "ResultPath": "$.so_far",
        "Next": next,
    }


def _fail_with(outcome: str, reason: str) -> State:
    """Keep how this ends, and go to the one way out of failures."""
    error = f"Release{outcome.capitalize()}"
    return {
        "Type": "Pass",
        "Parameters": {"outcome": outcome, "error": error, "reason.$": reason},
        "ResultPath": "$.ending",
        "Next": "RecordFailure",
    }


def _end_with(message: str) -> State:
    return {"Type": "Pass", "Parameters": {"message.$": message}, "End": True}
