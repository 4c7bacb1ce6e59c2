"""The narrowest grants, written out: CDK's `grant_*` also delete, list and tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from infra.platform import AlertTopic
from infra.stage import Stage
from lambdas.contract import packages
from lambdas.contract.names import released_prefix

Conditions = Mapping[str, Mapping[str, object]]


def allow(
    actions: Iterable[str], *resources: str, conditions: Conditions | None = None
) -> iam.PolicyStatement:
    """Allow these actions on these resources."""
    return iam.PolicyStatement(
        actions=list(actions), resources=list(resources), conditions=conditions
    )


def may_read(bucket: s3.IBucket, *keys: str, versions: bool = False) -> list[iam.PolicyStatement]:
    """Get these objects (`reviews/*`) and decrypt them; versions: also by version id."""
    actions = ["s3:GetObject", *(["s3:GetObjectVersion"] if versions else [])]
    return [allow(actions, *_objects(bucket, keys)), *_key(bucket, "kms:Decrypt")]


def may_write(bucket: s3.IBucket, *keys: str, in_parts: bool = False) -> list[iam.PolicyStatement]:
    """Put these objects; in_parts: also large ones, whose parts are read to be joined."""
    if in_parts:
        return [
            allow(["s3:PutObject", "s3:AbortMultipartUpload"], *_objects(bucket, keys)),
            *_key(bucket, "kms:GenerateDataKey", "kms:Decrypt"),
        ]
    return [
        allow(["s3:PutObject"], *_objects(bucket, keys)),
        *_key(bucket, "kms:GenerateDataKey"),
    ]


def may_list(bucket: s3.IBucket, *prefixes: str) -> list[iam.PolicyStatement]:
    """List these prefixes (`reviews/*`), and so learn that an object is absent."""
    conditions = {"StringLike": {"s3:prefix": list(prefixes)}}
    return [allow(["s3:ListBucket"], bucket.bucket_arn, conditions=conditions)]


def may_use_key(key: kms.IKey, *actions: str) -> list[iam.PolicyStatement]:
    """Use a key in these ways only."""
    return [allow(actions, key.key_arn)]


def may_publish(topic: AlertTopic) -> list[iam.PolicyStatement]:
    """Publish to an encrypted topic."""
    return [
        allow(["sns:Publish"], topic.arn),
        *may_use_key(topic.key, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def may_pass(role_arn: str, service: str) -> list[iam.PolicyStatement]:
    """Hand this role to one service (`sagemaker.amazonaws.com`) and to no other."""
    conditions = {"StringEquals": {"iam:PassedToService": service}}
    return [allow(["iam:PassRole"], role_arn, conditions=conditions)]


def may_put_events(stage: Stage) -> list[iam.PolicyStatement]:
    """Put events of this stage's own source on the default bus."""
    conditions = {"StringEquals": {"events:source": stage.event_source}}
    return [
        allow(["events:PutEvents"], stage.arn("events", "event-bus/default"), conditions=conditions)
    ]


def may_log_jobs(stage: Stage, *kinds: str) -> list[iam.PolicyStatement]:
    """Write the log that SageMaker keeps of a job (`ProcessingJobs`), made if it is absent.

    Not made by a stack: all jobs of the account share it, and where one ever ran it is there.
    """
    actions = ["CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents"]
    groups = (stage.arn("logs", f"log-group:/aws/sagemaker/{kind}*") for kind in kinds)
    return [allow([f"logs:{action}" for action in actions], *groups)]


NOT_APPROVED: Conditions = {"StringNotEquals": {"sagemaker:ModelApprovalStatus": packages.APPROVED}}


def may_not_approve(stage: Stage) -> Conditions | None:
    """The condition under which a role of ours writes model packages: it approves none.

    Where the gate approves, the pipeline does it; where persons do, nothing of ours can.
    """
    if stage.learning.approve == "automatic":
        return None
    return NOT_APPROVED


def may_see_served(stage: Stage) -> list[iam.PolicyStatement]:
    """From the endpoint to the package behind it."""
    name, released = stage.name(), released_prefix(stage.name())
    return [
        allow(["sagemaker:DescribeEndpoint"], stage.arn("sagemaker", f"endpoint/{name}")),
        allow(
            ["sagemaker:DescribeEndpointConfig"],
            stage.arn("sagemaker", f"endpoint-config/{released}*"),
        ),
        allow(["sagemaker:DescribeModel"], stage.arn("sagemaker", f"model/{released}*")),
    ]


def may_count(namespace: str) -> list[iam.PolicyStatement]:
    """Write metrics of one namespace; a metric has no ARN."""
    conditions = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return [allow(["cloudwatch:PutMetricData"], "*", conditions=conditions)]


def may_count_jobs(*kinds: str) -> list[iam.PolicyStatement]:
    """Processor, memory and disk of jobs (`ProcessingJobs`), which SageMaker writes for them."""
    return [s for kind in kinds for s in may_count(f"/aws/sagemaker/{kind}")]


def may_encrypt_outputs(key_arn: str) -> list[iam.PolicyStatement]:
    """What SageMaker asks of a role whose job names a key for its outputs."""
    return [allow(["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], key_arn)]


def may_encrypt_volume(key_arn: str) -> list[iam.PolicyStatement]:
    """Hand a key to the volume of an instance, and to nothing else."""
    conditions = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [allow(["kms:CreateGrant"], key_arn, conditions=conditions)]


def _objects(bucket: s3.IBucket, keys: Iterable[str]) -> list[str]:
    return [bucket.arn_for_objects(key) for key in keys]


def _key(bucket: s3.IBucket, *actions: str) -> list[iam.PolicyStatement]:
    return may_use_key(bucket.encryption_key, *actions) if bucket.encryption_key else []
