"""A raw object was deleted: the next dataset is without it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract.events import DATASET_READY
from lambdas.contract.events import source as event_source
from lambdas.ports import events
from lambdas.preprocess.dataset import Removal
from lambdas.preprocess.listing import is_listed, list_dataset, put
from lambdas.preprocess.source import NO_VERSION, RawSource
from lambdas.settings import PreprocessSettings

settings = PreprocessSettings.from_env()
logger = Logger(service="preprocess")
MARKER = "Delete Marker Created"  # by S3's event; else one version is deleted for good


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Leave a removal among the sources, and list a dataset where that changes anything.

    removed: the deletion type of S3's event; version: the marker's own, or the deleted one; time:
    of the deletion (ISO 8601).
    """
    source = RawSource(event["bucket"], event["key"], event.get("version") or NO_VERSION)
    removal = Removal(
        removed="key" if event["removed"] == MARKER else "version",
        key=source.key,
        version=source.version,
        event_time=datetime.fromisoformat(event["time"]),
        sequencer=event.get("sequencer", ""),
    )
    bucket = settings.curated_bucket
    put(bucket, source.record_key, removal)
    if is_listed(bucket):
        logger.info("nothing to list", extra={"source_id": source.id})
        return {"dataset_id": "", "manifest_uri": ""}
    listed = list_dataset(bucket)
    detail = {"dataset_id": listed.id, "manifest_uri": listed.manifest_uri}
    events.publish(event_source(settings.stage), DATASET_READY, detail)
    logger.info("dataset ready", extra={"source_id": source.id, **detail})
    return detail
