"""The narrowest grants, written out: CDK's `grant_*` also delete, list and tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

Conditions = Mapping[str, Mapping[str, object]]


def allow(
    actions: Iterable[str], *resources: str, conditions: Conditions | None = None
) -> iam.PolicyStatement:
    """Allow these actions on these resources."""
    return iam.PolicyStatement(
        actions=list(actions), resources=list(resources), conditions=conditions
    )


def may_read(bucket: s3.IBucket, *keys: str) -> list[iam.PolicyStatement]:
    """Get these objects (`reviews/*`), any version of them, and decrypt them."""
    objects = [bucket.arn_for_objects(key) for key in keys]
    return [allow(["s3:GetObject", "s3:GetObjectVersion"], *objects), *_key(bucket, "kms:Decrypt")]


def may_write(bucket: s3.IBucket, *keys: str) -> list[iam.PolicyStatement]:
    """Put these objects. Decrypt is there because a put in several parts reads its own parts."""
    objects = [bucket.arn_for_objects(key) for key in keys]
    return [
        allow(["s3:PutObject", "s3:AbortMultipartUpload"], *objects),
        *_key(bucket, "kms:GenerateDataKey", "kms:Decrypt"),
    ]


def may_list(bucket: s3.IBucket, *prefixes: str) -> list[iam.PolicyStatement]:
    """List these prefixes (`reviews/*`), and so learn that an object is absent."""
    conditions = {"StringLike": {"s3:prefix": list(prefixes)}}
    return [allow(["s3:ListBucket"], bucket.bucket_arn, conditions=conditions)]


def may_use_key(key: kms.IKey, *actions: str) -> list[iam.PolicyStatement]:
    """Use a key in these ways only."""
    return [allow(actions, key.key_arn)]


def may_publish(topic_arn: str, key: kms.IKey) -> list[iam.PolicyStatement]:
    """Publish to an encrypted topic."""
    return [
        allow(["sns:Publish"], topic_arn),
        *may_use_key(key, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def may_pass(role_arn: str, service: str) -> list[iam.PolicyStatement]:
    """Hand this role to one service (`sagemaker.amazonaws.com`) and to no other."""
    conditions = {"StringEquals": {"iam:PassedToService": service}}
    return [allow(["iam:PassRole"], role_arn, conditions=conditions)]


def _key(bucket: s3.IBucket, *actions: str) -> list[iam.PolicyStatement]:
    return may_use_key(bucket.encryption_key, *actions) if bucket.encryption_key else []
