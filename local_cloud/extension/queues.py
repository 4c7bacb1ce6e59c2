"""Queues whose policy demands TLS still let AWS's own services in.

Gap: MiniStack asks a queue's policy for SNS and S3 as if they called without TLS.
Delete when it says that its own calls are secure.
"""

from ministack.services import sqs

from local_cloud.permissions import roles


def install() -> None:
    """Ask the policy with our question, which is logged like any other."""

    def queue_policy_allows(
        queue_arn: str, service: str, source_arn: str, source_account: str
    ) -> bool:
        queue = sqs._queue_by_arn(queue_arn)
        policy = queue["attributes"].get("Policy") if queue else None
        return bool(policy) and roles.service_may(
            service, "sqs:SendMessage", queue_arn, policy, source_arn=source_arn
        )

    sqs.queue_policy_allows = queue_policy_allows
