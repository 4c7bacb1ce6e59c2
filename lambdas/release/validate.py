"""Before a release: is the package what it must be, and is no guardrail in ALARM?"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract.live import NONE
from lambdas.contract.releases import REFUSE, SIGNING_KEYS
from lambdas.ports import alarms, encryption_keys, models, parameters, stacks
from lambdas.release.decide import Decision, decide, rollout
from lambdas.release.signed import signature_fault
from lambdas.settings import ReleaseSettings
from reviews.signature import encode_keys

settings = ReleaseSettings.from_env()
logger = Logger(service="release")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer what to do with `model_package_arn`, and how to roll it out."""
    arn, force = event["model_package_arn"], bool(event.get("force"))
    live = parameters.read(settings.live_parameter)
    decision = decide(
        _package(arn),
        group=settings.model_package_group,
        live=live,
        served=_served(),
        alarming=alarms.in_alarm([name for name in settings.alarm_names.split(",") if name]),
        force=force,
        signature_fault=_signature_fault,
    )
    decision = _refuse_on_stuck_stack() or decision
    logger.info(decision.action, extra={"model_package_arn": arn, "reason": decision.reason})
    return {
        "action": decision.action,
        "reason": decision.reason,
        "previous_package_arn": "" if live == NONE else live,
        "rollout": rollout(arn, live, force=force),
        "signing_keys": encode_keys([encryption_keys.public_key(settings.signing_key)]),
        "previous_signing_keys": stacks.parameters(settings.endpoint_stack).get(SIGNING_KEYS, ""),
    }


def _signature_fault(package: models.Package) -> str:
    return signature_fault(package, key=settings.signing_key, policy=settings.signature)


def _refuse_on_stuck_stack() -> Decision | None:
    status = stacks.status(settings.endpoint_stack)
    if status != "UPDATE_ROLLBACK_FAILED":
        return None
    reason = f"{settings.endpoint_stack} is {status}: run `cdk rollback Endpoint` first"
    return Decision(REFUSE, reason)


def _package(arn: str) -> models.Package | None:
    try:
        return models.describe_package(arn)
    except FileNotFoundError:
        return None


def _served() -> str:
    try:
        endpoint, package = models.served_package(settings.endpoint_name)
    except FileNotFoundError:
        return ""
    return package if endpoint.status == "InService" else ""
