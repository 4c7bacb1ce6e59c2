"""The Release machine's definition: a pure function, in Amazon States Language.

What is asked for is compared with what is served, then the Endpoint stack is updated with its
own template, then what serves is looked at and asked, and only then is it called released.
Whatever goes wrong ends with the former package in service, or says that it is not.

In the state: `model_package_arn`, `force`; `release` its short id; `own_parameter` that id as the
stack shows it; `plan` what validate answered; `update` present once the stack was touched;
`so_far.reason` what went wrong, in a sentence; `ending` outcome, error and reason.
"""

from __future__ import annotations

from infra.machines.release_states import (
    ReleaseParts,
    compare_release,
    describe_stack,
    end_with,
    fail_with,
    if_busy,
    if_stack,
    keep,
    record,
    short_id,
    verify,
)
from infra.machines.states import State, caught, explained, invoke, publish, update_stack
from lambdas.contract import releases

WAIT_SECONDS = 15
BUSY_SECONDS = 30  # the stack is busy with another release or a deploy
MAX_SECONDS = 3 * 3600


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
            "Parameters": {"id.$": short_id(), "back.$": short_id()},
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
        "AlreadyServing": end_with("$.plan.reason"),
        "KeepRefusal": fail_with(releases.REFUSED, "$.plan.reason"),
    }


def _update(parts: ReleaseParts) -> dict[str, State]:
    """Move the stack to the package and wait for the end."""
    return {
        "UpdateStack": update_stack(
            parts.stack_name,
            parts.role_arn,
            {
                releases.MODEL_PACKAGE_ARN: "$.model_package_arn",
                releases.RELEASE: "$.release.id",
                releases.ROLLOUT: "$.plan.rollout",
                releases.SIGNING_KEYS: "$.plan.signing_keys",
                releases.SCALING: None,
            },
            ResultPath="$.update",
            Next="WaitForStack",
            Catch=caught("CheckUpdateError"),
        ),
        "CheckUpdateError": if_busy("WaitForOthers", "CheckCause"),
        # Then from the start: another release may have changed what is live.
        "WaitForOthers": {"Type": "Wait", "Seconds": BUSY_SECONDS, "Next": "CheckPackage"},
        "WaitForStack": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "DescribeStack"},
        "DescribeStack": describe_stack(parts, "CompareRelease", "CheckCause"),
        "CompareRelease": compare_release("CheckStack"),
        "CheckStack": {
            "Type": "Choice",
            "Choices": [
                if_stack("UPDATE_ROLLBACK_FAILED", "KeepStuckStack"),
                if_stack("*_IN_PROGRESS", "WaitForStack"),
                {"Variable": "$.stack.is_own", "BooleanEquals": True, "Next": "VerifyServing"},
                if_stack("*ROLLBACK_COMPLETE", "VerifyRolledBack"),
            ],
            "Default": "KeepSuperseded",
        },
        "VerifyRolledBack": verify(
            parts, "$.model_package_arn", "KeepRollbackReason", "KeepRollback"
        ),
        "KeepRollback": fail_with(
            releases.FAILED, "States.Format('the update was rolled back, and {}', $.error.Cause)"
        ),
        "KeepRollbackReason": fail_with(
            releases.FAILED, "States.Format('the update was rolled back: {}', $.seen.reason)"
        ),
        "KeepStuckStack": fail_with(
            releases.FAILED,
            f"States.Format('{parts.stack_name} is {{}}: run `cdk rollback Endpoint`, then "
            "release again', $.stack.status)",
        ),
    }


def _prove(parts: ReleaseParts) -> dict[str, State]:
    """See what serves, ask it, and write it down."""
    passed = {"Variable": "$.golden.passed", "BooleanEquals": True, "Next": "RecordRelease"}
    return {
        "VerifyServing": verify(parts, "$.model_package_arn", "CheckServing", "CheckCause"),
        "CheckServing": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.seen.served", "BooleanEquals": True, "Next": "AskGoldenSet"}
            ],
            "Default": "KeepNotServed",
        },
        # CloudFormation took a rollback of SageMaker's for success.
        "KeepNotServed": keep("$.seen.reason", "DescribeStackAgain"),
        "AskGoldenSet": invoke(
            parts.golden,
            Parameters={"model_package_arn.$": "$.model_package_arn"},
            ResultPath="$.golden",
            Next="CheckGoldenSet",
            Catch=caught("CheckCause"),
        ),
        "CheckGoldenSet": {"Type": "Choice", "Choices": [passed], "Default": "KeepDifference"},
        "KeepDifference": keep("$.golden.reason", "DescribeStackAgain"),
        "RecordRelease": record(
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
        "Released": end_with("$.recorded.message"),
    }


def _go_back(parts: ReleaseParts) -> dict[str, State]:
    """The former package again, at once and without alarms; unless a later release took over."""
    former = "$.plan.previous_package_arn"
    return {
        "KeepMessage": keep("$.message", "CheckTouched"),
        "CheckTouched": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.update", "IsPresent": True, "Next": "DescribeStackAgain"}],
            "Default": "KeepFailure",
        },
        "DescribeStackAgain": describe_stack(parts, "CompareReleaseAgain", "KeepFailure"),
        "CompareReleaseAgain": compare_release("CheckStillOwn"),
        "CheckStillOwn": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.stack.is_own", "BooleanEquals": True, "Next": "RestoreFormer"}
            ],
            "Default": "KeepSuperseded",
        },
        "RestoreFormer": update_stack(
            parts.stack_name,
            parts.role_arn,
            {
                releases.MODEL_PACKAGE_ARN: former,
                releases.RELEASE: "$.release.back",
                releases.ROLLOUT: releases.AT_ONCE,
                # Those that it served with: it may be older than the first signature.
                releases.SIGNING_KEYS: "$.plan.previous_signing_keys",
                releases.SCALING: None,
            },
            ResultPath=None,
            Next="WaitForRestore",
            Catch=caught("CheckRestoreError"),
        ),
        "CheckRestoreError": if_busy("WaitToRestore", "KeepRestoreError"),
        "WaitToRestore": {"Type": "Wait", "Seconds": BUSY_SECONDS, "Next": "DescribeStackAgain"},
        "KeepRestoreError": keep(
            "States.Format('{}; going back was refused: {}', $.so_far.reason, $.error.Cause)",
            "KeepFailure",
        ),
        "WaitForRestore": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "DescribeRestore"},
        "DescribeRestore": describe_stack(parts, "CheckRestore", "KeepFailure"),
        "CheckRestore": {
            "Type": "Choice",
            "Choices": [if_stack("*_IN_PROGRESS", "WaitForRestore")],
            "Default": "CheckFormer",
        },
        "CheckFormer": {
            "Type": "Choice",
            "Choices": [{"Variable": former, "StringEquals": "", "Next": "KeepNothingServes"}],
            "Default": "VerifyFormer",
        },
        "KeepNothingServes": keep(
            "States.Format('{}; nothing serves now', $.so_far.reason)", "KeepFailure"
        ),
        "VerifyFormer": verify(parts, former, "KeepWhatServes", "KeepFailure"),
        "KeepWhatServes": keep(
            "States.Format('{}; now {}', $.so_far.reason, $.seen.reason)", "KeepFailure"
        ),
        "KeepFailure": fail_with(releases.FAILED, "$.so_far.reason"),
    }


def _end(parts: ReleaseParts) -> dict[str, State]:
    """Every other end: recorded, published with its reason, failed; or overtaken, without alert."""
    overtaken = "States.Format('overtaken by a later release than {}', $.release.id)"
    return {
        "KeepSuperseded": keep(overtaken, "RecordSuperseded"),
        "RecordSuperseded": record(
            parts,
            releases.SUPERSEDED,
            "$.so_far.reason",
            Next="Overtaken",
            Catch=caught("Overtaken"),
        ),
        "Overtaken": end_with("$.so_far.reason"),
        "RecordFailure": record(
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
