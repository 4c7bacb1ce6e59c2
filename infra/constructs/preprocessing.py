"""Raw objects in, curated Parquet out: plan, workers side by side, finish."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.alarms import own_metric
from infra.blocks.dead_letters import DeadLetters
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
from infra.machines import preprocessing
from infra.platform import Platform
from infra.stage import Stage
from lambdas.contract import keys
from lambdas.contract.metrics import REJECTED_SHARE
from lambdas.contract.names import PREPROCESS
from lambdas.settings import PreprocessSettings

RAW = keys.anything(keys.INCOMING)
SOURCES, WORK, REVIEWS, REJECTED, DATASETS = map(
    keys.anything, (keys.SOURCES, keys.WORK, keys.REVIEWS, keys.REJECTED, keys.DATASETS)
)
# Of a shard of zeros each byte is set aside as six: 256 MB become 1,465 MiB, the most there can be.
WORKER_DISK_MB = 2_048
EVENT_HOURS = 24  # an event that could not start the machine for so long is kept as a dead letter


class Preprocessing(Construct):
    """A machine that an object under `incoming/` starts; failures go to the topic."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        settings: PreprocessSettings,
        raw: s3.IBucket,
        curated: s3.IBucket,
    ) -> None:
        super().__init__(scope, id)
        stage, alerts = platform.stage, platform.alerts
        self._stage = stage
        environment = settings.to_env()
        self.plan = Function(
            self,
            "Plan",
            platform=platform,
            handler="lambdas.preprocess.plan.handler",
            environment=environment,
            may=[may_read(raw, RAW, versions=True), may_write(curated, WORK)],
            timeout_seconds=900,  # a large .gz is cut into shards here
        )
        self.worker = Function(
            self,
            "Worker",
            platform=platform,
            handler="lambdas.preprocess.worker.handler",
            environment=environment,
            may=[
                may_read(raw, RAW, versions=True),
                may_read(curated, WORK),
                may_write(curated, REVIEWS, REJECTED, WORK),
            ],
            timeout_seconds=900,
            disk_mb=WORKER_DISK_MB,
        )
        self.finish = Function(
            self,
            "Finish",
            platform=platform,
            handler="lambdas.preprocess.finish.handler",
            environment=environment,
            may=[
                may_list(curated, SOURCES, WORK, DATASETS, REVIEWS, REJECTED),
                may_read(curated, SOURCES, WORK),
                may_write(curated, SOURCES, DATASETS),
                may_put_events(stage),
            ],
            timeout_seconds=300,
        )
        self.machine = Machine(
            self,
            "Machine",
            stage=stage,
            name=PREPROCESS,
            definition=preprocessing.definition(
                preprocessing.Parts(
                    plan=self.plan.arn,
                    worker=self.worker.arn,
                    finish=self.finish.arn,
                    topic_arn=alerts.arn,
                    subject=stage.name(),
                    max_concurrency=stage.data.max_concurrency,
                )
            ),
            may=[
                may_invoke(self.plan.arn, self.worker.arn, self.finish.arn),
                may_read(curated, WORK),
                may_publish(alerts),
                _may_run_children(stage),
            ],
        )
        self.dead_letters = self._started_by(stage, raw)

    def _started_by(self, stage: Stage, raw: s3.IBucket) -> DeadLetters:
        """A rule on new raw objects; what could not be delivered waits in what is returned."""
        dead_letters = DeadLetters(self, "DeadLetters", stage=stage, name="preprocess-dead-letters")
        rule = events.Rule(
            self,
            "Arrived",
            rule_name=stage.name("arrived"),
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [raw.bucket_name]},
                    "object": {"key": [{"prefix": keys.INCOMING}]},
                },
            ),
        )
        field = events.EventField.from_path
        rule.add_target(
            targets.SfnStateMachine(
                self.machine.machine,
                dead_letter_queue=dead_letters.queue,
                retry_attempts=185,
                max_event_age=Duration.hours(EVENT_HOURS),
                input=events.RuleTargetInput.from_object(
                    {
                        "bucket": field("$.detail.bucket.name"),
                        "key": field("$.detail.object.key"),
                        "version": field("$.detail.object.version-id"),
                        "size": field("$.detail.object.size"),
                        "etag": field("$.detail.object.etag"),
                        "sequencer": field("$.detail.object.sequencer"),
                    }
                ),
            )
        )
        return dead_letters

    def failed(self) -> cloudwatch.Metric:
        """Runs that ended without a dataset."""
        return self.machine.executions("Failed")

    def rejected_share(self) -> cloudwatch.Metric:
        """Records set aside, of all read of one file (0 to 1): the worst of the period."""
        return own_metric(self._stage, REJECTED_SHARE, "Maximum")


def _may_run_children(stage: Stage) -> list[iam.PolicyStatement]:
    """A Distributed Map starts executions of its own machine."""
    name = stage.name(PREPROCESS)
    return [
        allow(["states:StartExecution"], machine_arn(stage, PREPROCESS)),
        allow(
            ["states:DescribeExecution", "states:StopExecution"],
            stage.arn("states", f"execution:{name}:*"),
            stage.arn("states", f"execution:{name}/*"),
        ),
    ]
