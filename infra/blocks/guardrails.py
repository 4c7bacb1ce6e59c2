"""How the endpoint is replaced, and the alarms that send the old model back."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.blocks.alarms import Alarm
from infra.stage import Stage

ENDPOINT_LOGS = "/aws/sagemaker/Endpoints"  # SageMaker's name for their logs and metrics
VARIANT = "AllTraffic"  # a rollout with guardrails needs the same variant name before and after
MAX_LATENCY_MICROSECONDS = 1_000_000  # a batch of 100 reviews takes some tens of milliseconds
MAX_ROLLOUT_SECONDS = 3_600

Json = dict[str, Any]


def api_alarm(server_error_share: cloudwatch.Metric) -> Alarm:
    """The API's guardrail: what clients see of a bad model, whoever is to blame."""
    return Alarm(
        "ApiErrors",
        server_error_share,
        "More than one answer in a hundred is an error of ours.",
        minutes=1,
        over=0.01,
    )


def endpoint_alarms(stage: Stage) -> list[Alarm]:
    """The endpoint's guardrails."""
    return [
        Alarm(
            "EndpointErrors",
            endpoint_metric(stage, "Invocation5XXErrors", "Sum"),
            "The model failed on a request that it should have answered.",
            minutes=1,
            over=0,
        ),
        Alarm(
            "EndpointLatency",
            endpoint_metric(stage, "ModelLatency", "p95"),
            "One request in twenty takes the model more than a second.",
            minutes=1,
            times=3,
            over=MAX_LATENCY_MICROSECONDS,
        ),
    ]


def endpoint_metric(stage: Stage, name: str, statistic: str) -> cloudwatch.Metric:
    """A metric of the endpoint's only variant."""
    return cloudwatch.Metric(
        namespace="AWS/SageMaker",
        metric_name=name,
        dimensions_map={"EndpointName": stage.name(), "VariantName": VARIANT},
        statistic=statistic,
    )


def guarded(stage: Stage) -> Json:
    """Blue/green under the guardrails: one instance first, where there are two or more.

    SageMaker wants a canary of at most half the fleet. A single instance is replaced at once,
    and the alarms are watched for as long with the old one still there.
    """
    wait = stage.endpoint.canary_wait_seconds
    routing: Json = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": wait}
    if stage.endpoint.instance_count > 1:
        canary = {"Type": "INSTANCE_COUNT", "Value": 1}
        routing = {"Type": "CANARY", "CanarySize": canary, "WaitIntervalInSeconds": wait}
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": wait,
            "MaximumExecutionTimeoutInSeconds": MAX_ROLLOUT_SECONDS + 3 * wait,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in stage.guardrails]},
    }


def unguarded() -> Json:
    """Everything at once and no alarm: one that is in alarm already cannot undo an undo."""
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 0,
            "MaximumExecutionTimeoutInSeconds": MAX_ROLLOUT_SECONDS,
        }
    }
