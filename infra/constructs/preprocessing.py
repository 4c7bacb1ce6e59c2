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
from infra.blocks.function import Function, may_invoke
from infra.blocks.machine import Machine, machine_arn
from infra.blocks.statements import (
    allow,
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
# Of a shard of zeros each byte is rejected as six: 256 MB become 1,465 MiB, the most there can be.
WORKER_DISK_MB = 2_048
OBJECT_FIELDS = {
    "bucket": "$.detail.bucket.name",
    "key": "$.detail.object.key",
    "version": "$.detail.object.version-id",
    "sequencer": "$.detail.object.sequencer",
}
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
            reserved_concurrency=stage.data.worker_concurrency,
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
        self.remove = Function(
            self,
            "Remove",
            platform=platform,
            handler="lambdas.preprocess.remove.handler",
            environment=environment,
            may=[
                may_list(curated, SOURCES, DATASETS),
                may_read(curated, SOURCES, DATASETS),
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
                preprocessing.PreprocessingParts(
                    plan=self.plan.published,
                    worker=self.worker.published,
                    finish=self.finish.published,
                    remove=self.remove.published,
                    topic_arn=alerts.arn,
                    subject=stage.name(),
                    max_concurrency=stage.data.max_concurrency,
                )
            ),
            may=[
                may_invoke(self.plan, self.worker, self.finish, self.remove),
                may_read(curated, WORK),
                may_publish(alerts),
                _may_run_children(stage),
            ],
        )
        self.dead_letters = self._started_by(stage, raw)

    def _started_by(self, stage: Stage, raw: s3.IBucket) -> DeadLetters:
        """Rules on new and deleted raw objects; what could not be delivered waits in the result."""
        dead_letters = DeadLetters(self, "DeadLetters", stage=stage, name="preprocess-dead-letters")
        created = {"size": "$.detail.object.size", "etag": "$.detail.object.etag"}
        deleted = {"removed": "$.detail.deletion-type", "time": "$.time"}
        for id, detail_type, more in (
            ("Arrived", "Object Created", created),
            ("Deleted", "Object Deleted", deleted),
        ):
            self._start_on(id, detail_type, {**OBJECT_FIELDS, **more}, raw, dead_letters)
        return dead_letters

    def _start_on(
        self,
        id: str,
        detail_type: str,
        fields: dict[str, str],
        raw: s3.IBucket,
        dead_letters: DeadLetters,
    ) -> None:
        """Start the machine on one kind of event of S3; fields: its input, as paths."""
        paths = {name: events.EventField.from_path(path) for name, path in fields.items()}
        started = targets.SfnStateMachine(
            self.machine.machine,
            dead_letter_queue=dead_letters.queue,
            retry_attempts=185,
            max_event_age=Duration.hours(EVENT_HOURS),
            input=events.RuleTargetInput.from_object(paths),
        )
        events.Rule(
            self,
            id,
            rule_name=self._stage.name(id.lower()),
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=[detail_type],
                detail={
                    "bucket": {"name": [raw.bucket_name]},
                    "object": {"key": [{"prefix": keys.INCOMING}]},
                },
            ),
            targets=[started],
        )

    def stuck(self) -> cloudwatch.Metric:
        """A raw file that found no end."""
        return self.machine.executions("TimedOut")

    def failed(self) -> cloudwatch.Metric:
        """Runs that ended without a dataset."""
        return self.machine.executions("Failed")

    def rejected_share(self) -> cloudwatch.Metric:
        """Records rejected, of all read of one file (0 to 1): the worst of the period."""
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
