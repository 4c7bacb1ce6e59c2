"""The Learn machine: one training run at a time, from a dataset to a release or a reason."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.dead_letters import LostEvents
from infra.blocks.function import Function
from infra.blocks.machine import Machine, machine_arn
from infra.blocks.statements import (
    allow,
    may_invoke,
    may_list,
    may_publish,
    may_put_events,
    may_read,
    may_write,
)
from infra.machines.states import State, call, caught, invoke, publish, put_event, reason
from infra.packaging.packages import Packages
from infra.stage import Stage
from lambdas.settings import LearnSettings

CARDS = "runs/*/evaluation/model_card.json"  # what Evaluate leaves for the registry
POLL_SECONDS = 15  # a run of some hours stays far below 25,000 events


class Learning(Construct):
    """Started by DatasetReady, a schedule, drift or a person (`{"reason": ...}`)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        packages: Packages,
        settings: LearnSettings,
        curated: s3.IBucket,
        models: s3.IBucket,
        alert_topic_arn: str,
        alerts_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self._stage = stage
        common: dict[str, Any] = {
            "stage": stage,
            "packages": packages,
            "environment": settings.to_env(),
        }
        self.prepare = Function(
            self,
            "Prepare",
            handler="lambdas.learn.prepare.handler",
            may=[
                may_list(curated, "datasets/*"),
                may_read(curated, "datasets/*"),
                may_list(models, "champion-none/*"),
                may_write(models, "champion-none/*"),
                self._may_look(),
            ],
            **common,
        )
        self.conclude = Function(
            self,
            "Conclude",
            handler="lambdas.learn.conclude.handler",
            may=[
                may_list(curated, "datasets/*"),
                may_list(models, CARDS),
                may_read(models, CARDS),
                self._may_conclude(),
            ],
            **common,
        )
        self.machine = Machine(
            self,
            "Machine",
            stage=stage,
            name="learn",
            definition=self._definition(alert_topic_arn),
            may=[
                may_invoke(self.prepare.arn, self.conclude.arn),
                may_publish(alert_topic_arn, alerts_key),
                may_put_events(stage),
                self._may_run(),
            ],
        )
        self.lost = LostEvents(self, "Lost", stage=stage, name="learn-lost")
        self._started_by()

    def _may_look(self) -> list[iam.PolicyStatement]:
        """See which executions run, what is live and where its artefact lies."""
        stage = self._stage
        return [
            allow(["states:ListExecutions"], machine_arn(stage, "learn")),
            allow(["ssm:GetParameter"], stage.arn("ssm", f"parameter{stage.live_parameter}")),
            allow(["sagemaker:DescribeModelPackage"], self._packages()),
        ]

    def _may_conclude(self) -> list[iam.PolicyStatement]:
        """Read how each step ended, and add pointers and card to the package, no approval.

        IAM cannot tell an update of metadata from an approval: the handler's port keeps them apart.
        """
        package = ["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"]
        return [
            allow(["sagemaker:ListPipelineExecutionSteps"], self._runs()),
            allow(package, self._packages()),
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

    def _definition(self, topic_arn: str) -> State:
        return {
            "Comment": "One training run at a time",
            "StartAt": "Reason",
            "States": {**self._start(), **self._follow(), **self._end(topic_arn)},
        }

    def _start(self) -> dict[str, State]:
        """Wait for more files, ask whether this run may go on, start the pipeline."""
        return {
            "Reason": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.reason", "IsPresent": False, "Next": "Person"},
                    {"Variable": "$.reason", "StringEquals": "dataset", "Next": "Settle"},
                ],
                "Default": "Prepare",
            },
            "Person": {
                "Type": "Pass",
                "Result": "person",
                "ResultPath": "$.reason",
                "Next": "Prepare",
            },
            "Settle": {
                "Type": "Wait",
                "Seconds": 60 * self._stage.learning.settle_minutes,
                "Next": "Prepare",
            },
            "Prepare": invoke(
                self.prepare.arn,
                Parameters={
                    "execution_arn.$": "$$.Execution.Id",
                    "execution_name.$": "$$.Execution.Name",
                    "machine_arn.$": "$$.StateMachine.Id",
                    "reason.$": "$.reason",
                },
                ResultPath="$.prepared",
                Next="MayProceed",
                Catch=caught("Why"),
            ),
            "MayProceed": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.prepared.proceed", "BooleanEquals": True, "Next": "Start"}
                ],
                "Default": "Refused",
            },
            # Another run goes on, or there is nothing to learn from: no fault, and not told.
            "Refused": {"Type": "Succeed", "OutputPath": "$.prepared"},
            "Start": call(
                "sagemaker:startPipelineExecution",
                {
                    "PipelineName": self._stage.name(),
                    "ClientRequestToken.$": "$.prepared.token",
                    "PipelineParameters.$": "$.prepared.parameters",
                },
                ResultPath="$.started",
                Next="Wait",
                Catch=caught("Why"),
            ),
        }

    def _follow(self) -> dict[str, State]:
        """Look until the pipeline has ended, then learn how."""
        arn = "$.started.PipelineExecutionArn"
        going = [
            {"Variable": "$.run.status", "StringEquals": status, "Next": "Wait"}
            for status in ("Executing", "Stopping")
        ]
        return {
            "Wait": {"Type": "Wait", "Seconds": POLL_SECONDS, "Next": "Look"},
            "Look": call(
                "sagemaker:describePipelineExecution",
                {"PipelineExecutionArn.$": arn},
                ResultSelector={"status.$": "$.PipelineExecutionStatus"},
                ResultPath="$.run",
                Next="Ended",
                Catch=caught("Why"),
            ),
            "Ended": {"Type": "Choice", "Choices": going, "Default": "Conclude"},
            "Conclude": invoke(
                self.conclude.arn,
                Parameters={
                    "pipeline_execution_arn.$": arn,
                    "dataset_id.$": "$.prepared.dataset_id",
                },
                ResultPath="$.concluded",
                Next="Outcome",
                Catch=caught("Why"),
            ),
            "Outcome": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": "$.concluded.outcome",
                        "StringEquals": "registered",
                        "Next": "Registered",
                    }
                ],
                "Default": "NotRegistered",
            },
        }

    def _end(self, topic_arn: str) -> dict[str, State]:
        """Ask for the release, or tell a person; then look for a newer dataset."""
        name = self._stage.name()
        package = "$.concluded.model_package_arn"
        newer = {"Variable": "$.concluded.newer_dataset", "BooleanEquals": True}
        if self._stage.learning.approve == "automatic":
            detail = {"model_package_arn.$": package}
            registered = put_event(
                self._stage.event_source, "ReleaseRequested", detail, Next="NewerThanRegistered"
            )
        else:
            waits = f"States.Format('{{}} passed its gate and waits for approval', {package})"
            registered = publish(
                topic_arn, f"{name}: a model waits for approval", waits, Next="NewerThanRegistered"
            )
        return {
            "Registered": registered | {"Catch": caught("Why")},
            "NewerThanRegistered": {
                "Type": "Choice",
                "Choices": [{**newer, "Next": "Again"}],
                "Default": "Done",
            },
            "Done": {"Type": "Succeed", "OutputPath": "$.concluded"},
            "NotRegistered": publish(
                topic_arn,
                f"{name}: no model was registered",
                "States.Format('dataset {}: {}', $.prepared.dataset_id, $.concluded.reason)",
                Next="NewerThanFailed",
            ),
            "NewerThanFailed": {
                "Type": "Choice",
                "Choices": [{**newer, "Next": "Again"}],
                "Default": "NotLearned",
            },
            "NotLearned": {
                "Type": "Fail",
                "ErrorPath": "$.concluded.outcome",
                "CausePath": "$.concluded.reason",
            },
            "Again": {
                "Type": "Pass",
                "Parameters": {"reason": "dataset"},
                "Next": "Prepare",
            },
            **reason("Tell"),
            "Tell": publish(topic_arn, f"{name}: learning failed", "$.why", Next="Failed"),
            "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.why"},
        }

    def _started_by(self) -> None:
        """The bus, for every new dataset; a schedule, where the stage has one."""
        stage = self._stage
        rule = events.Rule(
            self,
            "DatasetReady",
            rule_name=stage.name("dataset-ready"),
            event_pattern=events.EventPattern(
                source=[stage.event_source], detail_type=["DatasetReady"]
            ),
        )
        rule.add_target(self._run_because("dataset"))
        if stage.learning.schedule:
            events.Rule(
                self,
                "Schedule",
                rule_name=stage.name("learn-schedule"),
                schedule=events.Schedule.expression(stage.learning.schedule),
                targets=[self._run_because("schedule")],
            )

    def _run_because(self, why: str) -> targets.SfnStateMachine:
        return targets.SfnStateMachine(
            self.machine.machine,
            dead_letter_queue=self.lost.queue,
            input=events.RuleTargetInput.from_object({"reason": why}),
        )

    def failed(self) -> cloudwatch.Metric:
        """Runs that ended without a registered model."""
        return self.machine.executions("Failed")

    def events_lost(self) -> cloudwatch.Metric:
        """Datasets and schedules whose event started nothing."""
        return self.lost.waiting()
