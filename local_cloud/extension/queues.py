"""Queues as AWS keeps them where MiniStack does not: their policies, and their names in stacks.

Gap: MiniStack asks a queue's policy for SNS and S3 as if they called without TLS, and lets a stack
write over a queue of somebody else that has the name.
Delete when it says that its own calls are secure, and when such a stack fails.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import sqs
from ministack.services.cloudformation import provisioners

from local_cloud.permissions import roles

QUEUE = "AWS::SQS::Queue"


def install() -> None:
    """Ask the policy with our question, which is logged like any other; refuse names in use."""

    def queue_policy_allows(
        queue_arn: str, service: str, source_arn: str, source_account: str
    ) -> bool:
        queue = sqs._queue_by_arn(queue_arn)
        policy = queue["attributes"].get("Policy") if queue else None
        return bool(policy) and roles.service_may(
            service, "sqs:SendMessage", queue_arn, policy, source_arn=source_arn
        )

    sqs.queue_policy_allows = queue_policy_allows
    handlers = provisioners._RESOURCE_HANDLERS[QUEUE]
    handlers["create"] = _unless_taken(handlers["create"])


def _unless_taken(create: Callable[..., Any]) -> Callable[..., Any]:
    """CloudFormation's own sentence, which becomes the event's reason, for a name in use."""

    def created(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name = properties.get("QueueName")
        if name and sqs._queue_url_for_account(get_account_id(), name) in sqs._queues:
            raise ValueError(f"Resource of type '{QUEUE}' with identifier '{name}' already exists.")
        return create(logical_id, properties, stack)

    return created
