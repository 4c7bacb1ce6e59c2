"""Alarms on an endpoint that costs and that nobody asks."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.blocks.alarms import Alarm, own_metric
from infra.stage import Stage
from lambdas.contract.metrics import QUESTIONS


def idle_alarm(stage: Stage) -> Alarm:
    """No data is bad: an API that nobody asks writes none. It rings once, asleep too.

    Of what reached the endpoint it could not look: the probe asks each minute.
    """
    return Alarm(
        "Idle",
        own_metric(stage, QUESTIONS, "Sum"),
        f"Nobody but the probe has asked for {stage.cost.idle_hours} hours.",
        minutes=60,
        times=stage.cost.idle_hours,
        under=1,
        missing="bad",
    )


def sleep_alarm(failed: cloudwatch.Metric) -> Alarm:
    """What keeps an idle endpoint awake."""
    return Alarm("SleepFailed", failed, "An idle endpoint was not taken down.", minutes=5, over=0)
