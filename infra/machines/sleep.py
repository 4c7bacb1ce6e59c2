"""The Sleep machine's definition: take down an endpoint that nobody asks, so that `wake` finds it.

In the state: `live` what the live record says, `error` why the update was refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.machines.states import State, call, caught, publish, update_stack
from lambdas.contract import keys, releases
from lambdas.contract.live import NONE

HISTORY = (
    f"States.Format('{keys.RELEASES}{{}}{{}}{{}}T{{}}{{}}{{}}Z-{releases.SLEEP}.json', "
    + ", ".join(f"$.now.parts[{n}]" for n in range(6))
    + ")"
)


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
                "Default": "ParseTime",
            },
            "NothingLive": {"Type": "Succeed"},
            # 2026-11-28T09:23:53.123Z in its parts: the history is read in the order of its keys.
            "ParseTime": {
                "Type": "Pass",
                "Parameters": {"parts.$": "States.StringSplit($$.State.EnteredTime, '-:T.Z')"},
                "ResultPath": "$.now",
                "Next": "RecordSleep",
            },
            "RecordSleep": _keep(parts, {"Key.$": HISTORY}, "KeepDecision"),
            "KeepDecision": _keep(parts, {"Key": keys.DECISION}, "UpdateStack"),
            # Refused while a release goes on: then somebody does use the endpoint.
            "UpdateStack": update_stack(
                parts.stack_name,
                parts.role_arn,
                {
                    releases.MODEL_PACKAGE_ARN: "",
                    **dict.fromkeys(releases.KEPT),
                },
                ResultPath=None,
                Next="NotifyAsleep",
                Catch=caught("NotifyAwake"),
            ),
            "NotifyAsleep": publish(
                parts.topic_arn, f"{parts.subject}: the endpoint sleeps", asleep, End=True
            ),
            "NotifyAwake": publish(
                parts.topic_arn, f"{parts.subject}: the endpoint is idle", awake, Next="Failed"
            ),
            "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
        },
    }


def _keep(parts: SleepParts, key: State, next: str) -> State:
    """Write it down as a person's sleep is, before it is done: `wake` looks there."""
    decision = {
        "time.$": "$$.State.EnteredTime",
        "command": releases.SLEEP,
        "by": "the Sleep machine",
        "model_package_arn.$": "$.live.package",
        "outcome": releases.ASLEEP,
    }
    return call(
        "s3:putObject",
        {"Bucket": parts.models_bucket, **key, "Body": decision},
        ResultPath=None,
        Next=next,
        Catch=caught("NotifyAwake"),
    )
