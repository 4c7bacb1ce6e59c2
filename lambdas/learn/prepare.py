"""Before a run: only the earliest goes on, on the newest dataset, against the live model."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract import keys, learning, pipeline
from lambdas.contract.live import NONE
from lambdas.contract.packages import GIT_COMMIT, PENDING, UNKNOWN
from lambdas.learn.plan import (
    DatasetRecord,
    is_earliest,
    newest,
    parameters,
    token,
    why_refused,
)
from lambdas.ports import machines, models, objects
from lambdas.ports import parameters as live
from lambdas.settings import LearnSettings
from reviews.errors import NotReadyError

settings = LearnSettings.from_env()
logger = Logger(service="learn")
NO_CHAMPION_NOTE = b"Nothing is live: this prefix stands for the missing champion.\n"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer `proceed` with the pipeline's token and parameters, or why not."""
    name, reason = event["execution_name"], event["reason"]
    if not is_earliest(name, _running(event["machine_arn"])):
        return _refuse("an earlier run is going on")
    dataset = _dataset(event.get("dataset_id"))
    if dataset is None:
        return _refuse("there is no dataset yet: upload raw reviews first")
    if dataset.rows == 0:
        return _refuse(f"dataset {dataset.id} holds no review: every raw file was deleted")
    live_package = _live()
    learned = live_package.metadata if live_package else {}
    digest = settings.configuration_digest
    if why := why_refused(reason, dataset, learned, settings.image_uri, digest):
        return _refuse(why)
    logger.info("a run begins", extra={"dataset_id": dataset.id, "reason": reason})
    return {
        "proceed": True,
        "dataset_id": dataset.id,
        "token": token(dataset.id, digest, settings.image_uri, name),
        "parameters": _parameters(reason, dataset, live_package),
    }


def _refuse(why: str) -> dict[str, Any]:
    logger.info("no run", extra={"why": why})
    return {"proceed": False, "why": why}


def _running(machine_arn: str) -> list[tuple[str, float]]:
    """Runs that go on, with their start."""
    found = machines.executions(machine_arn, "RUNNING")
    return [(execution.name, execution.started.timestamp()) for execution in found]


def _parameters(
    reason: str, dataset: DatasetRecord, live_package: models.Package | None
) -> list[dict[str, str]]:
    is_unjudged = reason == learning.WITHOUT_CHAMPION
    champion = None if is_unjudged else live_package
    champion_uri = champion.model_data_url if champion else _no_champion()
    return parameters(
        dataset,
        champion_uri,
        {
            pipeline.CONFIGURATION_DIGEST: settings.configuration_digest,
            pipeline.GIT_COMMIT: _commit(),
            pipeline.PROGRAM_DIGEST: settings.program_digest,
            **_tracking(),
        },
        # What was not compared with the live model goes live by a person alone.
        approval=PENDING if is_unjudged else None,
    )


def _dataset(wanted: str | None) -> DatasetRecord | None:
    bucket = settings.curated_bucket
    id = wanted or newest(objects.list_keys(bucket, keys.DATASETS))
    if id is None:
        return None
    return DatasetRecord.read(json.loads(objects.read(bucket, keys.dataset(id))))


def _live() -> models.Package | None:
    """The package that is live; None where nothing is."""
    arn = live.read(settings.live_parameter)
    return None if arn == NONE else models.describe_package(arn)


def _tracking() -> dict[str, str]:
    """Where the stage's own MLflow app is; a run without one is a run, and its end says so."""
    if not settings.tracking_parameter:
        return {}
    try:
        return {pipeline.TRACKING_URI: live.read(settings.tracking_parameter)}
    except NotReadyError as error:
        logger.warning("no tracking", extra={"why": str(error)})
        return {pipeline.TRACKING_URI: pipeline.NO_TRACKING}


def _commit() -> str:
    """A commit that holds the deployed program, as its deploy has said; unknown where none has."""
    for key in settings.commit_keys.split(","):
        try:
            said = json.loads(objects.read(settings.commit_bucket, key))
        except (FileNotFoundError, PermissionError):  # S3 tells who may not list no more than that
            continue
        return str(said[GIT_COMMIT])
    logger.warning("no deploy has said which commit holds the program")
    return UNKNOWN


def _no_champion() -> str:
    """A prefix that holds no model: the pipeline always has a champion to look for."""
    bucket = settings.models_bucket
    if not objects.list_keys(bucket, keys.NO_CHAMPION):
        objects.put_bytes(bucket, f"{keys.NO_CHAMPION}README", NO_CHAMPION_NOTE)
    return f"s3://{bucket}/{keys.NO_CHAMPION}"
