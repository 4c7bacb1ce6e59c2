"""Alarms on an endpoint that costs and that nobody asks."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.blocks.alarms import Alarm
from infra.blocks.guardrails import endpoint_metric
from infra.stage import Stage


def idle_alarm(stage: Stage) -> Alarm:
    """No data is bad: an endpoint that nobody asks writes none. It rings once, asleep too."""
    return Alarm(
        "Idle",
        endpoint_metric(stage, "Invocations", "Sum"),
        f"Nobody has asked the endpoint for {stage.cost.idle_hours} hours.",
        minutes=60,
        times=stage.cost.idle_hours,
        under=1,
        missing="bad",
    )


def sleep_alarm(failed: cloudwatch.Metric) -> Alarm:
    """What keeps an idle endpoint awake."""
    return Alarm("SleepFailed", failed, "An idle endpoint was not taken down.", minutes=5, over=0)
