"""Who read and wrote the data: a trail of this stage's own."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stage import Stage

CLOUDTRAIL = "cloudtrail.amazonaws.com"


class Audit(Construct):
    """A trail with the data events of some buckets, kept in a bucket that it does not watch.

    Written out, since CDK's `Trail` lets every trail of the world into the store.
    """

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
        self._name = stage.name()
        self._arn = stage.arn("cloudtrail", f"trail/{self._name}")
        self._let_in(store, "s3:GetBucketAcl", store.bucket_arn)
        own = store.arn_for_objects(f"AWSLogs/{stage.account}/*")
        self._let_in(store, "s3:PutObject", own, {"s3:x-amz-acl": "bucket-owner-full-control"})
        trail = self._trail(store, key, watched)
        if store.policy:
            trail.node.add_dependency(store.policy)

    def _let_in(
        self,
        store: s3.Bucket,
        action: str,
        resource: str,
        conditions: dict[str, str] | None = None,
    ) -> None:
        """CloudTrail may do this for our own trail."""
        equal = {"aws:SourceArn": self._arn, **(conditions or {})}
        store.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(CLOUDTRAIL)],
                actions=[action],
                resources=[resource],
                conditions={"StringEquals": equal},
            )
        )

    def _trail(
        self, store: s3.Bucket, key: kms.IKey, watched: Sequence[s3.IBucket]
    ) -> cloudtrail.CfnTrail:
        objects = cloudtrail.CfnTrail.DataResourceProperty(
            type="AWS::S3::Object", values=[f"{bucket.bucket_arn}/" for bucket in watched]
        )
        return cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=self._name,
            is_logging=True,
            s3_bucket_name=store.bucket_name,
            kms_key_id=key.key_arn,
            enable_log_file_validation=True,
            is_multi_region_trail=False,
            include_global_service_events=True,
            event_selectors=[
                cloudtrail.CfnTrail.EventSelectorProperty(
                    data_resources=[objects], include_management_events=True, read_write_type="All"
                )
            ],
        )
