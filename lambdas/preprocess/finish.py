"""Last step: the source adds up, a new dataset lists it, and an event starts the Learn machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract import keys, metrics
from lambdas.contract.events import DATASET_READY
from lambdas.contract.events import source as event_source
from lambdas.ports import events, objects
from lambdas.preprocess import dataset
from lambdas.preprocess.dataset import Removal, SourceRecord
from lambdas.preprocess.listing import READERS, list_dataset, put
from lambdas.preprocess.results import RefinedWith, ShardResult, add_up, options_of, read_result
from lambdas.preprocess.shards import Shard, from_lines
from lambdas.preprocess.source import RawSource, result_key
from lambdas.settings import PreprocessSettings
from reviews.errors import UnreadableSourceError

settings = PreprocessSettings.from_env()
logger = Logger(service="preprocess")
emitter = Metrics(namespace=metrics.NAMESPACE)
emitter.set_default_dimensions(**{metrics.STAGE: settings.stage})
options = options_of(settings)
refined_with = RefinedWith.of_options(options, settings.code_version)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """From plan's output to a dataset and the event DatasetReady; `counts` are the source's.

    Raises PartialFailureError, UnreadableSourceError or CountMismatchError; then nothing is listed.
    """
    source = RawSource(event["bucket"], event["key"], event["version"])
    found = from_lines(objects.read(settings.curated_bucket, event["shards_key"]))
    refined = add_up(source, found, _results(found), refined_with, _stored(source), event["size"])
    record = dataset.record_of(source, refined, refined_with, event)
    _refuse_if_removed(record)
    put(settings.curated_bucket, source.record_key, record)
    _measure(refined.counts)
    listed = list_dataset(settings.curated_bucket)
    detail = {"dataset_id": listed.id, "manifest_uri": listed.manifest_uri}
    events.publish(event_source(settings.stage), DATASET_READY, detail)
    logger.info("dataset ready", extra={"source_id": source.id, **detail})
    return {**detail, "counts": refined.counts}


def _results(shards: list[Shard]) -> dict[int, ShardResult]:
    """The results that workers have left."""

    def read(shard: Shard) -> bytes | None:
        try:
            return objects.read(settings.curated_bucket, result_key(shard.source_id, shard.shard))
        except FileNotFoundError:
            return None

    with ThreadPoolExecutor(READERS) as pool:
        bodies = [body for body in pool.map(read, shards) if body is not None]
    found = map(read_result, bodies)
    return {result.shard.shard: result for result in found if result}


def _stored(source: RawSource) -> set[str]:
    """What workers have written of a source, and is still there."""
    prefixes = (f"{keys.REVIEWS}{source.id}/", f"{keys.REJECTED}{source.id}/")
    return {
        key for prefix in prefixes for key in objects.list_keys(settings.curated_bucket, prefix)
    }


def _refuse_if_removed(record: SourceRecord) -> None:
    """Raise UnreadableSourceError where the raw object was deleted while it was refined."""
    key = RawSource("", record.key, record.version).record_key
    try:
        known = dataset.read_record(key, objects.read(settings.curated_bucket, key))
    except FileNotFoundError:
        return
    if isinstance(known, Removal) and dataset.age(known) >= dataset.age(record):
        raise UnreadableSourceError(f"{record.key} was deleted while it was refined")


def _measure(counts: dict[str, Any]) -> None:
    rejected = sum(counts["rejected"].values())
    for name, value in (
        (metrics.RECORDS_READ, counts["read"]),
        (metrics.RECORDS_KEPT, counts["kept"]),
        (metrics.RECORDS_DUPLICATE, counts["duplicates"]),
        (metrics.RECORDS_REJECTED, rejected),
    ):
        emitter.add_metric(name, MetricUnit.Count, value)
    emitter.add_metric(metrics.REJECTED_SHARE, MetricUnit.NoUnit, rejected / counts["read"])
    emitter.flush_metrics()
