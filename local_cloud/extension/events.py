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

from local_cloud.permissions import roles, topics

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
            _send_to_dead_letters(target, event, rule, str(error))
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
            source_arn=rule.get("Arn", ""),
        )
    elif service == "lambda":
        function = lambda_svc._get_func_record_for_ref(arn)[0] or {}
        policy = function.get("policy") or {"Statement": []}
        if not roles.service_may(
            SERVICE, "lambda:InvokeFunction", arn, policy, source_arn=rule.get("Arn", "")
        ):
            raise roles.DeniedError(f"the policy of {arn} does not let {rule.get('Name')} call it")
    elif service == "sqs":
        if not sqs.queue_policy_allows(arn, SERVICE, rule.get("Arn", ""), get_account_id()):
            raise roles.DeniedError(f"the policy of {arn} does not let {rule.get('Name')} in")
    elif service == "sns":
        if not topics.lets_in(SERVICE, arn, source_arn=rule.get("Arn", "")):
            raise roles.DeniedError(
                f"the topic {arn} or its key does not let {rule.get('Name')} in"
            )
    else:
        raise roles.DeniedError(f"the local cloud has no rule for targets like {arn}")


def _send_to_dead_letters(
    target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], reason: str
) -> None:
    name = rule.get("Name", "")
    cloudwatch.record_metric("AWS/Events", "FailedInvocations", 1, "Count", {"RuleName": name})
    logger.error("rule %s did not reach %s: %s", name, target.get("Arn"), reason)
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    if queue_arn and sqs.queue_policy_allows(
        queue_arn, SERVICE, rule.get("Arn", ""), get_account_id()
    ):
        attributes = {
            "RULE_ARN": rule.get("Arn", ""),
            "TARGET_ARN": target.get("Arn", ""),
            "ERROR_CODE": "NO_PERMISSIONS",
            "ERROR_MESSAGE": reason,
        }
        body = json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
        _send(queue_arn, body, attributes)


def _send(queue_arn: str, body: str, attributes: dict[str, str]) -> None:
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        logger.error("the dead-letter queue %s does not exist", queue_arn)
        return
    named = {
        name: {"DataType": "String", "StringValue": text}
        for name, text in attributes.items()
        if text
    }
    sqs._act_send_message({"MessageBody": body, "MessageAttributes": named}, queue["url"])
