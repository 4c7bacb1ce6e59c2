"""What a role lets SageMaker do: the calls that jobs and endpoints make with their own role.

The emulator checks who calls its API. SageMaker itself reads and writes under the role that a job
or a model names; those calls are judged here, by the emulator's own policy evaluator.
"""

import json
import re
from typing import Any

from local_cloud.sagemaker import neighbours
from local_cloud.sagemaker.errors import invalid

Context = dict[str, Any]


class AccessDeniedError(PermissionError):
    """A role may not do what was tried; the text is the one that AWS writes."""


def check_trust(role_arn: str) -> None:
    """Refuse a role that does not exist or does not let SageMaker assume it."""
    from ministack.app import AUTH
    from ministack.services import iam

    if not re.fullmatch(r"arn:aws[a-z\-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@\-_/]+", role_arn):
        raise invalid(f"RoleArn {role_arn!r} is not the ARN of a role.")
    if not AUTH:
        return
    role = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1])
    if role is None or not _trusts(role.get("AssumeRolePolicyDocument"), "sagemaker.amazonaws.com"):
        raise invalid(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows "
            "principal 'sagemaker.amazonaws.com' to assume the role."
        )


def _trusts(document: Any, service: str) -> bool:
    policy = json.loads(document) if isinstance(document, str) else document or {}
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principals = (
            (statement.get("Principal") or {}) if statement.get("Effect") == "Allow" else {}
        )
        services = principals.get("Service", []) if isinstance(principals, dict) else []
        if service in ([services] if isinstance(services, str) else services):
            return True
    return False


def require(role_arn: str, action: str, resource: str, context: Context | None = None) -> None:
    """Let SageMaker do `action` with this role, or raise AccessDeniedError. Logs the decision."""
    denial = _denial(role_arn, action, resource, context or {})
    if denial:
        raise AccessDeniedError(denial)


def _denial(role_arn: str, action: str, resource: str, context: Context) -> str:
    from ministack.app import AUTH
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services import iam

    if not AUTH:
        return ""
    name, account = role_arn.rsplit("/", 1)[-1], role_arn.split(":")[4]
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/SageMaker"
    _, region = neighbours.current_scope()
    request = iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        secure_transport=True,
        service_context={key.lower(): value for key, value in context.items()},
    )
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    policies = iam_evaluator._gather_role_policies(name, account)
    result = iam_evaluator.evaluate(request, policies, *limits)
    service = action.partition(":")[0]
    found = iam_evaluator._resource_policy(service, resource)
    if found is not None:
        required = service in iam_evaluator._POLICY_REQUIRED
        result = iam_evaluator.combine_resource_policy(
            result, request, *found, required=required, limits=tuple(limits)
        )
    if result.decision == "Allow":
        return ""
    explicit = result.decision == "Deny"
    return str(iam_actions.identity_denial_message(action, principal, resource, explicit))


def may_read(role_arn: str, bucket: str, key: str) -> None:
    """GetObject, and Decrypt where the bucket is under a KMS key."""
    require(role_arn, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    _may_use_key(role_arn, "kms:Decrypt", bucket, neighbours.bucket_key(bucket))


def may_list(role_arn: str, bucket: str, prefix: str) -> None:
    """ListBucket, with the prefix as the condition key."""
    require(role_arn, "s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})


def may_write(role_arn: str, bucket: str, key: str, *, kms_key: str = "") -> None:
    """PutObject, and GenerateDataKey where the object will be under a KMS key."""
    context = {}
    if kms_key:
        context["s3:x-amz-server-side-encryption"] = "aws:kms"
        context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = kms_key
    require(role_arn, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}", context)
    key_used = kms_key or neighbours.bucket_key(bucket)
    _may_use_key(role_arn, "kms:GenerateDataKey", bucket, key_used)


def may_pass(role_arn: str, passed_arn: str) -> None:
    """PassRole to SageMaker: what a pipeline's role needs for each job's role."""
    require(
        role_arn, "iam:PassRole", passed_arn, {"iam:PassedToService": "sagemaker.amazonaws.com"}
    )


def _may_use_key(role_arn: str, action: str, bucket: str, key: str) -> None:
    if not key:
        return
    account, region = neighbours.current_scope()
    if not key.startswith("arn:"):
        kind = key if key.startswith("alias/") else f"key/{key}"
        key = f"arn:aws:kms:{region}:{account}:{kind}"
    context = {
        "kms:ViaService": f"s3.{region}.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}",
    }
    require(role_arn, action, key, context)
