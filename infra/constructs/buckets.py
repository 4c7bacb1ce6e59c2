"""The buckets of a stage: encrypted, TLS only, private, versioned, logged."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.deployment import data_removal
from infra.stage import Stage
from lambdas.contract.keys import WORK

UNFINISHED_UPLOAD_DAYS = 7


class Buckets(Construct):
    """Raw reviews in, curated rows, models, observations; and one for their access logs."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self._stage = stage
        self._key = key
        self.logs = self._access_logs()
        kept = stage.data
        self.raw = self.add("Raw", kept_days=kept.raw_days)
        self.curated = self.add("Curated", expiring=(WORK,))
        self.models = self.add("Models")
        self.observations = self.add("Observations", kept_days=kept.observations_days)
        # `event_bridge_enabled=True` would add a custom resource, a Lambda function and a role.
        raw: s3.CfnBucket = self.raw.node.default_child  # type: ignore[assignment]
        raw.add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )

    def add(self, id: str, expiring: tuple[str, ...] = (), kept_days: int = 0) -> s3.Bucket:
        """One bucket. expiring: prefixes whose objects go after the stage's retention;
        kept_days: after which every object goes; 0 is never."""
        days = Duration.days(self._stage.data.retention_days)
        return s3.Bucket(
            self,
            id,
            bucket_name=self._stage.bucket_name(id.lower()),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=True,
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix=f"{id.lower()}/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=days,
                    abort_incomplete_multipart_upload_after=Duration.days(UNFINISHED_UPLOAD_DAYS),
                ),
                *(s3.LifecycleRule(prefix=prefix, expiration=days) for prefix in expiring),
                *_end_of_life(kept_days),
            ],
            removal_policy=data_removal(self._stage),
        )

    def _access_logs(self) -> s3.Bucket:
        """S3 delivers access logs only to a bucket with its own encryption (SSE-S3)."""
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            bucket_name=self._stage.bucket_name("logs"),
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=True,
            lifecycle_rules=[
                # An expired object only becomes a noncurrent version: that needs an end, too.
                s3.LifecycleRule(noncurrent_version_expiration=Duration.days(1)),
                *_end_of_life(self._stage.data.access_log_days),
            ],
            removal_policy=data_removal(self._stage),
        )
        Validations.of(bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions-S1", reason="the access logs' own bucket would log itself"
            )
        )
        return bucket


def _end_of_life(days: int) -> list[s3.LifecycleRule]:
    """Every object after so many days, and the delete marker that this leaves; 0 is never."""
    if not days:
        return []
    return [
        s3.LifecycleRule(expiration=Duration.days(days)),
        s3.LifecycleRule(expired_object_delete_marker=True),
    ]
