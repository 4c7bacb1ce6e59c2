"""Events that could not start what they should have started: kept, and alarmed on."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.blocks.alarms import Alarm
from infra.stage import Stage


class DeadLetters(Construct):
    """The dead-letter queue of a rule; name: its physical name is `Stage.name(name)`."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, name: str) -> None:
        super().__init__(scope, id)
        self._name = stage.name(name)
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=self._name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        for id in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
            Validations.of(self.queue).acknowledge(
                Acknowledgment(id=id, reason="it is itself the dead-letter queue, of a rule")
            )

    def alarm(self, id: str, message: str) -> Alarm:
        """In alarm while an event lies in the queue: the number stays until someone looks."""
        waiting = cloudwatch.Metric(
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions_map={"QueueName": self._name},
            statistic="Maximum",
        )
        return Alarm(id, waiting, message, minutes=1, over=0)
