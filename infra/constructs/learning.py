"""The Learn machine: one training run at a time, from a dataset to a release or a reason."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.dead_letters import DeadLetters
from infra.blocks.function import Function, may_invoke
from infra.blocks.machine import Machine, machine_arn
from infra.blocks.statements import (
    allow,
    may_list,
    may_not_approve,
    may_publish,
    may_put_events,
    may_read,
    may_write,
)
from infra.machines import learning
from infra.platform import Platform
from infra.stage import Stage
from lambdas.contract import keys
from lambdas.contract.events import DATASET_READY
from lambdas.contract.learning import DATASET, SCHEDULE
from lambdas.contract.names import LEARN
from lambdas.settings import LearnSettings

DATASETS, NO_CHAMPION = keys.anything(keys.DATASETS), keys.anything(keys.NO_CHAMPION)
CARDS = keys.CARDS  # what Evaluate leaves for the registry


class Learning(Construct):
    """Started by DatasetReady, a schedule, drift or a person (`{"reason": ...}`)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        settings: LearnSettings,
        curated: s3.IBucket,
        models: s3.IBucket,
        may_read_commit: list[iam.PolicyStatement],
    ) -> None:
        """may_read_commit: which commit holds the program."""
        super().__init__(scope, id)
        stage, alerts = platform.stage, platform.alerts
        self._stage = stage
        environment = settings.to_env()
        self.prepare = Function(
            self,
            "Prepare",
            platform=platform,
            handler="lambdas.learn.prepare.handler",
            environment=environment,
            may=[
                may_list(curated, DATASETS),
                may_read(curated, DATASETS),
                may_list(models, NO_CHAMPION),
                may_write(models, NO_CHAMPION),
                self._may_look(),
                may_read_commit,
            ],
        )
        self.conclude = Function(
            self,
            "Conclude",
            platform=platform,
            handler="lambdas.learn.conclude.handler",
            environment=environment,
            may=[
                may_list(curated, DATASETS),
                may_list(models, CARDS),
                may_read(models, CARDS, keys.EVALUATIONS, keys.TRACKED),
                self._may_conclude(),
            ],
        )
        self.machine = Machine(
            self,
            "Machine",
            stage=stage,
            name=LEARN,
            definition=learning.definition(
                learning.LearningParts(
                    prepare=self.prepare.published,
                    conclude=self.conclude.published,
                    pipeline_name=stage.name(),
                    topic_arn=alerts.arn,
                    subject=stage.name(),
                    event_source=stage.event_source,
                    max_seconds=_max_seconds(stage),
                    settle_seconds=60 * stage.learning.settle_minutes,
                    releases=stage.learning.approve == "automatic",
                )
            ),
            may=[
                may_invoke(self.prepare, self.conclude),
                may_publish(alerts),
                may_put_events(stage),
                self._may_run(),
            ],
        )
        self.dead_letters = DeadLetters(self, "DeadLetters", stage=stage, name="learn-dead-letters")
        self._started_by()

    def _may_look(self) -> list[iam.PolicyStatement]:
        """See which executions run, what is live, where its artefact lies and where MLflow is."""
        stage = self._stage
        named = [stage.live_parameter, *([stage.tracking_parameter] * stage.has_own_tracking)]
        return [
            allow(["states:ListExecutions"], machine_arn(stage, LEARN)),
            allow(["ssm:GetParameter"], *(stage.arn("ssm", f"parameter{n}") for n in named)),
            allow(["sagemaker:DescribeModelPackage"], self._packages()),
        ]

    def _may_conclude(self) -> list[iam.PolicyStatement]:
        """Read how each step ended, and add pointers and card to the package, no approval."""
        return [
            allow(["sagemaker:ListPipelineExecutionSteps"], self._runs()),
            allow(["sagemaker:DescribeModelPackage"], self._packages()),
            allow(
                ["sagemaker:UpdateModelPackage"],
                self._packages(),
                conditions=may_not_approve(self._stage),
            ),
        ]

    def _may_run(self) -> list[iam.PolicyStatement]:
        pipeline = self._stage.arn("sagemaker", f"pipeline/{self._stage.name()}")
        return [
            allow(["sagemaker:StartPipelineExecution"], pipeline),
            allow(["sagemaker:DescribePipelineExecution"], self._runs()),
        ]

    def _runs(self) -> str:
        return self._stage.arn("sagemaker", f"pipeline/{self._stage.name()}/execution/*")

    def _packages(self) -> str:
        return self._stage.arn("sagemaker", f"model-package/{self._stage.name()}/*")

    def _started_by(self) -> None:
        """The bus, for every new dataset; a schedule, where the stage has one."""
        stage = self._stage
        rule = events.Rule(
            self,
            "DatasetReady",
            rule_name=stage.name("dataset-ready"),
            event_pattern=events.EventPattern(
                source=[stage.event_source], detail_type=[DATASET_READY]
            ),
        )
        rule.add_target(self._run_for(DATASET))
        if stage.learning.schedule:
            events.Rule(
                self,
                "Schedule",
                rule_name=stage.name("learn-schedule"),
                schedule=events.Schedule.expression(stage.learning.schedule),
                targets=[self._run_for(SCHEDULE)],
            )

    def _run_for(self, reason: str) -> targets.SfnStateMachine:
        return targets.SfnStateMachine(
            self.machine.machine,
            dead_letter_queue=self.dead_letters.queue,
            input=events.RuleTargetInput.from_object({"reason": reason}),
        )

    def stuck(self) -> cloudwatch.Metric:
        """A training run that found no end: its pipeline hangs."""
        return self.machine.executions("TimedOut")

    def failed(self) -> cloudwatch.Metric:
        """Runs that ended without a registered model."""
        return self.machine.executions("Failed")


def _max_seconds(stage: Stage) -> int:
    """Beyond it a run hangs: four jobs, one after the other, each with an hour to get a machine."""
    jobs = 4 * (stage.learning.max_runtime_seconds + 3_600)
    return 60 * stage.learning.settle_minutes + jobs
