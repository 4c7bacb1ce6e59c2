"""The Sleep machine's definition: take down an endpoint that nobody asks, so that `wake` finds it.

In the state: `live` what the live record says, `error` why the update was refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.machines.states import State, call, caught, publish
from lambdas.contract import keys, releases
from lambdas.contract.live import NONE


@dataclass(frozen=True, kw_only=True)
class SleepParts:
    """What the machine uses; ARNs and names, which may hold CDK tokens."""

    stack_name: str
    role_arn: str
    live_parameter: str
    models_bucket: str
    topic_arn: str
    subject: str
    idle_hours: int


def definition(parts: SleepParts) -> State:
    """The whole machine."""
    asleep = (
        f"States.Format('nobody asked version {{}} for {parts.idle_hours} hours: its endpoint is "
        "taken down; make wake brings it back', $.live.package)"
    )
    awake = "States.Format('the idle endpoint still runs: {}', $.error.Cause)"
    return {
        "Comment": "An idle endpoint to none",
        "StartAt": "DescribeLive",
        "States": {
            "DescribeLive": call(
                "ssm:getParameter",
                {"Name": parts.live_parameter},
                ResultSelector={"package.$": "$.Parameter.Value"},
                ResultPath="$.live",
                Next="CheckLive",
                Catch=caught("NotifyAwake"),
            ),
            "CheckLive": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.live.package", "StringEquals": NONE, "Next": "NothingLive"}
                ],
                "Default": "KeepPackage",
            },
            "NothingLive": {"Type": "Succeed"},
            "KeepPackage": call(
                "s3:putObject",
                {
                    "Bucket": parts.models_bucket,
                    "Key": keys.ASLEEP,
                    "Body": {"model_package_arn.$": "$.live.package"},
                },
                ResultPath=None,
                Next="UpdateStack",
                Catch=caught("NotifyAwake"),
            ),
            # Refused while a release goes on: then somebody does use the endpoint.
            "UpdateStack": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:cloudformation:updateStack",
                "Parameters": _update(parts),
                "ResultPath": None,
                "Next": "NotifyAsleep",
                "Catch": caught("NotifyAwake"),
            },
            "NotifyAsleep": publish(
                parts.topic_arn, f"{parts.subject}: the endpoint sleeps", asleep, End=True
            ),
            "NotifyAwake": publish(
                parts.topic_arn, f"{parts.subject}: the endpoint is idle", awake, Next="Failed"
            ),
            "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
        },
    }


def _update(parts: SleepParts) -> State:
    """The template that the stack has, without a package; always the narrow role."""
    kept = (releases.RELEASE, releases.ROLLOUT)
    return {
        "StackName": parts.stack_name,
        "UsePreviousTemplate": True,
        "RoleARN": parts.role_arn,
        "Parameters": [
            {"ParameterKey": releases.MODEL_PACKAGE_ARN, "ParameterValue": ""},
            *({"ParameterKey": key, "UsePreviousValue": True} for key in kept),
        ],
    }
