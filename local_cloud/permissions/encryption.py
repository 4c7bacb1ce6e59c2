"""The KMS calls that AWS makes with the caller's rights when it touches something encrypted.

Gap: MiniStack encrypts nothing, so a role without a grant on the key works there and fails on AWS.
Delete when MiniStack checks the key on S3, SNS and SQS calls.
Source: "Using server-side encryption with AWS KMS", "Encrypting topics" in the services' guides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, s3, sns, sqs

WRITES = {"s3:PutObject"}
READS = {"s3:GetObject", "s3:GetObjectVersion"}
OWN_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"  # of a put that names its key


@dataclass(frozen=True)
class KeyUse:
    """One implied call of KMS."""

    action: str
    key_arn: str
    context: dict[str, str]


def implied(action: str, resource: str, context: Mapping[str, Any]) -> Iterator[KeyUse]:
    """Give the key uses behind one S3, SNS or SQS call; context: its condition keys."""
    if action in WRITES | READS and resource.startswith("arn:aws:s3:::"):
        bucket = resource.removeprefix("arn:aws:s3:::").split("/")[0]
        key = context.get(OWN_KEY) or _bucket_key(bucket)
        actions = ["kms:GenerateDataKey"] if action in WRITES else ["kms:Decrypt"]
        within = {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}"}
        yield from _uses(actions, key, "s3", within)
    elif action == "sns:Publish":
        key = topic_key(resource)
        within = {"kms:EncryptionContext:aws:sns:topicArn": resource}
        yield from _uses(["kms:GenerateDataKey", "kms:Decrypt"], key, "sns", within)
    elif action in ("sqs:SendMessage", "sqs:ReceiveMessage"):
        key = queue_key(resource)
        sends = action == "sqs:SendMessage"
        actions = ["kms:GenerateDataKey", "kms:Decrypt"] if sends else ["kms:Decrypt"]
        yield from _uses(actions, key, "sqs", {"kms:EncryptionContext:aws:sqs:arn": resource})


def _uses(actions: list[str], key: str, service: str, context: dict[str, str]) -> Iterator[KeyUse]:
    if not key:
        return
    via = {"kms:ViaService": f"{service}.{get_region()}.amazonaws.com"}
    for action in actions:
        yield KeyUse(action, key_arn(key), {**via, **context})


def _bucket_key(bucket: str) -> str:
    applied = s3._bucket_default_sse_headers(bucket)
    if applied.get("x-amz-server-side-encryption") != "aws:kms":
        return ""
    return str(applied.get("x-amz-server-side-encryption-aws-kms-key-id", ""))


def topic_key(topic_arn: str) -> str:
    """Give the key of a topic; empty where it has none."""
    attributes = sns._topics.get(topic_arn, {}).get("attributes", {})
    return str(attributes.get("KmsMasterKeyId", ""))


def queue_key(queue_arn: str) -> str:
    """Give the customer's key of a queue; empty where SQS manages it."""
    queue = sqs._queue_by_arn(queue_arn)
    return str((queue or {}).get("attributes", {}).get("KmsMasterKeyId", ""))


def key_arn(key: str) -> str:
    """Give the ARN of a key named by id, alias or ARN: KMS authorizes keys, never their aliases.

    A key that is not there, or of another account, is named as it was asked for.
    """
    if found := kms._resolve_key(key):
        return str(found["Arn"])
    if key.startswith("arn:"):
        return key
    kind = key if key.startswith("alias/") else f"key/{key}"
    return f"arn:aws:kms:{get_region()}:{get_account_id()}:{kind}"
