"""The monitor: every hour, does the latest window still look like the live model's baseline?"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.function import FULL_CPU_MB, Function
from infra.blocks.schedule import on_schedule
from infra.blocks.statements import allow, may_list, may_publish, may_read, may_write
from infra.platform import Platform
from infra.stage import Stage
from lambdas.contract import keys
from lambdas.settings import MonitorSettings

TIMEOUT_SECONDS = 300


class Monitor(Construct):
    """One function on a schedule; it publishes drift to the topic, and starts the Learn machine."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        settings: MonitorSettings,
        observations: s3.IBucket,
        models: s3.IBucket,
    ) -> None:
        super().__init__(scope, id)
        stage = platform.stage
        seen = tuple(map(keys.anything, (keys.PREDICTIONS, keys.FEEDBACK, keys.MONITORING)))
        self.check = Function(
            self,
            "Check",
            platform=platform,
            handler="lambdas.monitor.check.handler",
            environment=settings.to_env(),
            may=[
                may_list(observations, *seen),
                may_read(observations, *seen),
                may_write(observations, keys.anything(keys.MONITORING)),
                may_list(models, keys.anything(keys.RUNS)),
                may_read(models, keys.anything(keys.RUNS)),
                _may_see_live(stage),
                _may_learn(settings.learn_machine_arn),
                may_publish(platform.alerts),
            ],
            timeout_seconds=TIMEOUT_SECONDS,
            memory_mb=FULL_CPU_MB,  # numpy and scipy want a whole processor
        )
        self.dead_letters = on_schedule(
            self,
            self.check.function,
            events.Schedule.expression(stage.monitoring.schedule),
            stage=stage,
            name="monitor",
            max_age=Duration.hours(1),
        )

    def runs(self) -> cloudwatch.Metric:
        """How often it was called."""
        return self.check.function.metric_invocations()

    def failures(self) -> cloudwatch.Metric:
        """How often it raised."""
        return self.check.function.metric_errors()


def _may_see_live(stage: Stage) -> list[iam.PolicyStatement]:
    """Which package answers, and where its baseline lies."""
    packages = stage.arn("sagemaker", f"model-package/{stage.name()}/*")
    return [
        allow(["ssm:GetParameter"], stage.arn("ssm", f"parameter{stage.live_parameter}")),
        allow(["sagemaker:DescribeModelPackage"], packages),
    ]


def _may_learn(machine_arn: str) -> list[iam.PolicyStatement]:
    """Start a training run, unless one goes on or is too recent."""
    return [allow(["states:ListExecutions", "states:StartExecution"], machine_arn)]
