"""What SageMaker does with the role that a job, a model or a pipeline names: decided and logged.

The emulator checks who calls its API; these are the calls that SageMaker itself makes afterwards.
"""

import re
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region

from local_cloud.permissions import roles
from local_cloud.sagemaker.runtime.errors import invalid

SERVICE = "sagemaker"
AccessDeniedError = roles.DeniedError
_ROLE = re.compile(r"arn:aws[a-z\-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@\-_/]+")


def check_trust(role_arn: str) -> None:
    """Refuse a role that does not exist or does not let SageMaker assume it."""
    if not _ROLE.fullmatch(role_arn):
        raise invalid(f"RoleArn {role_arn!r} is not the ARN of a role.")
    if not roles.trusts(role_arn, SERVICE, _source()):
        raise invalid(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows "
            "principal 'sagemaker.amazonaws.com' to assume the role."
        )


def require(
    role_arn: str, action: str, resource: str, context: Mapping[str, Any] | None = None
) -> None:
    """Let SageMaker do this, and use the keys behind it, with the role; or AccessDeniedError."""
    roles.require(
        role_arn,
        action,
        resource,
        service=SERVICE,
        session="SageMaker",
        source_arn=_source(),
        context=context,
    )


def _source() -> str:
    """Any resource of SageMaker's in this account: which one it sends, its guide leaves open."""
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:resource/any"


def may_read(role_arn: str, bucket: str, key: str) -> None:
    """GetObject."""
    require(role_arn, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")


def may_list(role_arn: str, bucket: str, prefix: str) -> None:
    """ListBucket, with the prefix as the condition key."""
    require(role_arn, "s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})


def may_write(role_arn: str, bucket: str, key: str, *, kms_key: str = "") -> None:
    """PutObject, under the bucket's key or under one of its own."""
    context = {}
    if kms_key:
        context["s3:x-amz-server-side-encryption"] = "aws:kms"
        context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = kms_key
    require(role_arn, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}", context)


def may_pass(role_arn: str, passed_arn: str) -> None:
    """PassRole to SageMaker: what a pipeline's role needs for each job's role."""
    passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    require(role_arn, "iam:PassRole", passed_arn, passed)
