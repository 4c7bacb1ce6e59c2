"""After a run: what came of it, in a sentence, and what its package lacks: origin, card."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract import keys, learning, packages, pipeline
from lambdas.learn.plan import failed_step, newest, origin
from lambdas.ports import models, objects
from lambdas.settings import LearnSettings

settings = LearnSettings.from_env()
logger = Logger(service="learn")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer registered, refused or failed, and whether a newer dataset came meanwhile."""
    arn, dataset_id = event["pipeline_execution_arn"], event["dataset_id"]
    steps = models.pipeline_steps(arn)
    latest = newest(objects.list_keys(settings.curated_bucket, keys.DATASETS))
    answer: dict[str, Any] = {
        "newer_dataset": latest is not None and latest > dataset_id,
        "pipeline_execution_arn": arn,
        "dataset_id": dataset_id,
        "untracked": _untracked(arn, steps) if settings.tracks else "",
    }
    registered = next((step for step in steps if "RegisterModel" in step.metadata), None)
    if registered and registered.status == "Succeeded":
        return answer | _conclude_registered(registered.metadata["RegisterModel"]["Arn"])
    return answer | _conclude_without_model(arn, steps)


def _untracked(execution_arn: str, steps: list[models.Step]) -> str:
    """Why a run that got as far as Track is not in MLflow; empty where it is.

    The run is as good without: a person is told, and nothing else happens.
    """
    track = next((step for step in steps if step.name == pipeline.TRACK), None)
    if track is None:
        return ""
    if track.status != "Succeeded":
        return f"step {track.name} ended {track.status}: {track.failure or 'no reason given'}"
    key = keys.tracked(_id(execution_arn))
    try:
        sent = json.loads(objects.read(settings.models_bucket, key))
    except (FileNotFoundError, PermissionError) as error:
        return f"the run left no {key}: {error}"
    return "" if sent["sent"] else str(sent["message"])


def _conclude_registered(package_arn: str) -> dict[str, Any]:
    has_card = _complete(package_arn)
    logger.info("registered", extra={"model_package_arn": package_arn})
    return {
        "outcome": learning.REGISTERED,
        "model_package_arn": package_arn,
        "model_card": has_card,
    }


def _conclude_without_model(execution_arn: str, steps: list[models.Step]) -> dict[str, Any]:
    reason = failed_step([(step.name, step.status, step.failure) for step in steps])
    refused = any(step.name == pipeline.REFUSED for step in steps)
    if not refused and (unsaid := _refusal(execution_arn, steps)):
        refused, reason = True, unsaid
    outcome = learning.REFUSED if refused else learning.FAILED
    logger.warning("no model", extra={"outcome": outcome, "reason": reason})
    return {"outcome": outcome, "reason": reason}


def _refusal(execution_arn: str, steps: list[models.Step]) -> str:
    """The gate's own sentence where Track failed before the step that says it; else empty.

    A cached Evaluate wrote under an earlier run: then Track's failure stands for it.
    """
    if not any(step.name == pipeline.TRACK and step.status == "Failed" for step in steps):
        return ""
    place = f"{keys.RUNS}{_id(execution_arn)}/{keys.EVALUATION}/{keys.EVALUATION_FILE}"
    try:
        gate = json.loads(objects.read(settings.models_bucket, place))["gate"]
    except (FileNotFoundError, PermissionError):
        return ""
    return "" if gate["passed"] else str(gate["message"])


def _id(execution_arn: str) -> str:
    return execution_arn.rsplit("/", 1)[-1]


def _complete(package_arn: str) -> bool:
    """Add what follows from where Evaluate wrote; approval is not touched, so nothing is released.

    A cached Evaluate wrote under an earlier run: only its own prefix is sure.
    """
    evaluation = (
        models.describe_package(package_arn).metadata[packages.EVALUATION_PREFIX].rstrip("/")
    )
    models.add_metadata(
        package_arn,
        {
            **origin(objects.read_uri(f"{evaluation}/{keys.EVALUATION_FILE}")),
            packages.EVALUATION_URI: f"{evaluation}/{keys.EVALUATION_FILE}",
            packages.REPORT_URI: f"{evaluation}/{keys.REPORT}",
            packages.MODEL_CARD_URI: f"{evaluation}/{keys.CARD_PAGE}",
            packages.BASELINE_URI: f"{evaluation}/{keys.BASELINE}",
        },
    )
    return _put_card(package_arn, f"{evaluation}/{keys.CARD}")


def _put_card(package_arn: str, uri: str) -> bool:
    """Whether the package now has its card.

    An Evaluate of a program without cards, kept by the step cache, left none: the model is as
    good, so the run goes on, and log, answer and `operate lineage` show it. A card that is there
    and cannot be read, or that the registry refuses, is a fault.
    """
    bucket, key = objects.split_uri(uri)
    if key not in objects.list_keys(bucket, key):
        logger.warning("no model card", extra={"model_package_arn": package_arn, "looked_at": uri})
        return False
    models.put_card(package_arn, objects.read(bucket, key).decode())
    return True
