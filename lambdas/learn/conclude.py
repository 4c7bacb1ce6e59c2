"""After a run: what came of it, in a sentence, and the pointers that its package lacks."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.learn.plan import newest, step_of
from lambdas.ports import models, objects
from lambdas.settings import LearnSettings

settings = LearnSettings.from_env()
logger = Logger(service="learn")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say registered, refused or failed, and whether a newer dataset came meanwhile."""
    arn, dataset_id = event["pipeline_execution_arn"], event["dataset_id"]
    steps = models.pipeline_steps(arn)
    latest = newest(objects.list_keys(settings.curated_bucket, "datasets/"))
    answer: dict[str, Any] = {
        "newer_dataset": latest is not None and latest > dataset_id,
        "pipeline_execution_arn": arn,
        "dataset_id": dataset_id,
    }
    registered = next((step for step in steps if "RegisterModel" in step.metadata), None)
    if registered and registered.status == "Succeeded":
        package_arn = registered.metadata["RegisterModel"]["Arn"]
        _point(package_arn)
        logger.info("registered", extra={"model_package_arn": package_arn})
        return {**answer, "outcome": "registered", "model_package_arn": package_arn}
    reason = step_of([(step.name, step.status, step.failure) for step in steps])
    refused = any(step.name == "Refused" for step in steps)
    outcome = "refused" if refused else "failed"
    logger.warning("no model", extra={"outcome": outcome, "reason": reason})
    return {**answer, "outcome": outcome, "reason": reason}


def _point(package_arn: str) -> None:
    """Add what follows from where Evaluate wrote; approval is not touched, so nothing is released.

    A cached Evaluate wrote under an earlier run: only its own prefix is sure.
    """
    evaluation = models.describe_package(package_arn).metadata["evaluation_prefix"].rstrip("/")
    models.add_metadata(
        package_arn,
        {
            "evaluation_uri": f"{evaluation}/evaluation.json",
            "report_uri": f"{evaluation}/report.html",
            "model_card_uri": f"{evaluation}/model_card.md",
            "baseline_uri": f"{evaluation}/baseline/",
        },
    )
