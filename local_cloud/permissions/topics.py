"""Whether an AWS service may publish to a topic: the topic's policy, and the key's behind it."""

import json

from ministack.services import sns

from local_cloud.permissions import encryption, roles

USES = ["kms:GenerateDataKey", "kms:Decrypt"]


def lets_in(principal: str, topic_arn: str, *, source_arn: str) -> bool:
    """Tell whether both let a service in; every decision is logged."""
    topic = sns._topics.get(topic_arn) or {}
    policy = json.loads((topic.get("attributes") or {}).get("Policy") or "{}")
    may = roles.service_may(principal, "sns:Publish", topic_arn, policy, source_arn=source_arn)
    if key := encryption.topic_key(topic_arn):
        within = {"aws:sns:topicArn": topic_arn}  # SNS asks in the name of the topic
        may &= roles.service_may_use_key(
            principal, key, USES, source_arn=source_arn, encryption_context=within
        )
    return may
