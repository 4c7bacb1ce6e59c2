"""After the update: the endpoint serves what was asked for, whatever the stack's status says."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract.live import version
from lambdas.ports import models, stacks
from lambdas.settings import ReleaseSettings

settings = ReleaseSettings.from_env()
logger = Logger(service="release")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Follow endpoint, configuration, model and package; a silent rollback must not pass."""
    wanted = event["model_package_arn"]
    try:
        endpoint, served = models.served_package(settings.endpoint_name)
    except FileNotFoundError as missing:
        return {"served": False, "model_package_arn": "", "reason": _explained(str(missing))}
    right = served == wanted and endpoint.status == "InService"
    reason = f"the endpoint is {endpoint.status} with version {version(served)}"
    if endpoint.failure:
        reason += f": {endpoint.failure}"
    if not right:
        reason = _explained(reason)
    logger.info("looked", extra={"served": right, "reason": reason})
    return {"served": right, "model_package_arn": served, "reason": reason}


def _explained(reason: str) -> str:
    """With what CloudFormation said of the update that did not go through, if it said anything."""
    return "; ".join(filter(None, (reason, stacks.failure(settings.endpoint_stack))))
