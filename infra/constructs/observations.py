"""What the API saw, on its way to the observations bucket: predictions, later true stars."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.statements import allow, may_use_key
from infra.stage import Stage
from lambdas.contract import keys

SECONDS = 60  # a record waits at most so long, or until there are so many
MEBIBYTES = 5


class ObservationDelivery(Construct):
    """Two streams, one object of JSON lines after the other, by hour."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, bucket: s3.IBucket) -> None:
        super().__init__(scope, id)
        self._stage = stage
        self._bucket = bucket
        self._log = logs.LogGroup(
            self,
            "Log",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("firehose.amazonaws.com")
        )
        for statement in self._may_deliver():
            self._role.add_to_policy(statement)
        self.predictions = self._stream(keys.PREDICTIONS)
        self.feedback = self._stream(keys.FEEDBACK)

    def _may_deliver(self) -> list[iam.PolicyStatement]:
        """What the service's guide asks for, but for reading objects: it never looks back."""
        written = map(keys.anything, (keys.PREDICTIONS, keys.FEEDBACK, keys.FAILED))
        objects = (self._bucket.arn_for_objects(key) for key in written)
        key = self._bucket.encryption_key
        return [
            allow(["s3:AbortMultipartUpload", "s3:PutObject"], *objects),
            allow(
                ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                self._bucket.bucket_arn,
            ),
            *(may_use_key(key, "kms:Decrypt", "kms:GenerateDataKey") if key else []),
            allow(["logs:PutLogEvents"], self._log.log_group_arn),
        ]

    def _stream(self, prefix: str) -> str:
        """One delivery stream, called as its prefix; returns its name."""
        name = prefix.rstrip("/")
        by_hour = "!{timestamp:yyyy/MM/dd/HH}/"
        log = logs.LogStream(
            self,
            f"{name.title()}Log",
            log_group=self._log,
            log_stream_name=name,
            removal_policy=RemovalPolicy.DESTROY,
        )
        destination = firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=self._bucket.bucket_arn,
            role_arn=self._role.role_arn,
            prefix=f"{prefix}{by_hour}",
            error_output_prefix=f"{keys.FAILED}{prefix}!{{firehose:error-output-type}}/{by_hour}",
            buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                interval_in_seconds=SECONDS, size_in_m_bs=MEBIBYTES
            ),
            compression_format="UNCOMPRESSED",  # the bucket's own key encrypts
            cloud_watch_logging_options=firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                enabled=True,
                log_group_name=self._log.log_group_name,
                log_stream_name=log.log_stream_name,
            ),
        )
        stream = firehose.CfnDeliveryStream(
            self,
            name.title(),
            delivery_stream_name=self._stage.name(name),
            delivery_stream_type="DirectPut",
            # While it is in the stream; no customer's words are in it unless the stage says so.
            delivery_stream_encryption_configuration_input={"keyType": "AWS_OWNED_CMK"},
            extended_s3_destination_configuration=destination,
        )
        stream.node.add_dependency(self._role)
        return self._stage.name(name)

    def undelivered(self) -> cloudwatch.MathExpression:
        """How many of the two streams could not write all that they tried to (0 to 2)."""
        tried = {
            name: cloudwatch.Metric(
                namespace="AWS/Firehose",
                metric_name="DeliveryToS3.Success",
                dimensions_map={"DeliveryStreamName": self._stage.name(name)},
                statistic="Minimum",
            )
            for name in ("predictions", "feedback")
        }
        return cloudwatch.MathExpression(
            expression="2 - FILL(predictions, 1) - FILL(feedback, 1)",
            using_metrics=tried,
            label="streams that could not write",
        )

    def may_send_predictions(self) -> iam.PolicyStatement:
        """Hand predictions over, many at a time."""
        return allow(["firehose:PutRecordBatch"], self._arn(self.predictions))

    def may_send_feedback(self) -> iam.PolicyStatement:
        """Hand feedback over, one at a time."""
        return allow(["firehose:PutRecord"], self._arn(self.feedback))

    def _arn(self, stream: str) -> str:
        return self._stage.arn("firehose", f"deliverystream/{stream}")
