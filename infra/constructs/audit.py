"""Who read and wrote the data: a trail of this stage's own."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stage import Stage


class Audit(Construct):
    """A trail with the data events of some buckets, kept in a bucket that it does not watch."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        store: s3.Bucket,
        key: kms.IKey,
        watched: Sequence[s3.IBucket],
    ) -> None:
        super().__init__(scope, id)
        self.trail = cloudtrail.Trail(
            self,
            "Trail",
            trail_name=stage.name(),
            bucket=store,
            encryption_key=key,
            enable_file_validation=True,
            is_multi_region_trail=False,
            include_global_service_events=True,
        )
        self.trail.apply_removal_policy(RemovalPolicy.DESTROY)
        self.trail.add_s3_event_selector(
            [cloudtrail.S3EventSelector(bucket=bucket) for bucket in watched]
        )
