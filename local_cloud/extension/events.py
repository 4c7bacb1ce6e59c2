"""EventBridge targets with the role or the policy that lets events in, and with their dead letters.

Gap: MiniStack delivers to every target whatever its role or policy says, and keeps no dead letter.
Delete when it asks and keeps.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import cloudwatch, eventbridge, lambda_svc, sqs

from local_cloud.permissions import roles

logger = logging.getLogger(__name__)
SERVICE = "events.amazonaws.com"


def install() -> None:
    """Ask before each delivery; what is refused goes to the target's dead-letter queue."""
    invoke: Callable[..., None] = eventbridge._invoke_target

    def invoke_target(
        target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None
    ) -> None:
        try:
            _require(target, rule)
        except roles.DeniedError as error:
            _lose(target, event, rule, str(error))
            return
        invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_target


def _require(target: dict[str, Any], rule: dict[str, Any]) -> None:
    arn = target.get("Arn", "")
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service == "states":
        roles.require(
            target.get("RoleArn", ""),
            "states:StartExecution",
            arn,
            service="events",
            session="events",
        )
    elif service == "lambda":
        function = lambda_svc._get_func_record_for_ref(arn)[0] or {}
        policy = function.get("policy") or {"Statement": []}
        if not roles.service_may(
            SERVICE, "lambda:InvokeFunction", arn, policy, source_arn=rule.get("Arn", "")
        ):
            raise roles.DeniedError(f"the policy of {arn} does not let {rule.get('Name')} call it")


def _lose(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], reason: str) -> None:
    name = rule.get("Name", "")
    cloudwatch.record_metric("AWS/Events", "FailedInvocations", 1, "Count", {"RuleName": name})
    logger.error("rule %s did not reach %s: %s", name, target.get("Arn"), reason)
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    if queue_arn and sqs.queue_policy_allows(
        queue_arn, SERVICE, rule.get("Arn", ""), get_account_id()
    ):
        eventbridge._dispatch_to_sqs(eventbridge.parse_arn(queue_arn), json.dumps(event))
