"""Last step: the source adds up, a new dataset lists it, and an event starts the Learn machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract import keys, metrics
from lambdas.contract.events import DATASET_READY
from lambdas.contract.events import source as event_source
from lambdas.ports import events, objects
from lambdas.preprocess import dataset
from lambdas.preprocess.dataset import Dataset, SourceRecord
from lambdas.preprocess.results import RefinedWith, Result, add_up, options_of, read_result
from lambdas.preprocess.shards import Shard, from_lines
from lambdas.preprocess.source import Source, result_key
from lambdas.settings import PreprocessSettings
from reviews.errors import NotReadyError

settings = PreprocessSettings.from_env()
logger = Logger(service="preprocess")
emitter = Metrics(namespace=metrics.NAMESPACE)
emitter.set_default_dimensions(**{metrics.STAGE: settings.stage})
options = options_of(settings)
refined_with = RefinedWith.of_options(options, settings.code_version)
READERS = 16  # at a time, of small objects
LISTINGS = 20  # sources that finish meanwhile make us list again


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """From plan's output to a dataset and the event DatasetReady; `counts` are the source's.

    Raises PartialFailureError, UnreadableSourceError or CountMismatchError; then nothing is listed.
    """
    source = Source(event["bucket"], event["key"], event["version"])
    found = from_lines(objects.read(settings.curated_bucket, event["shards_key"]))
    refined = add_up(source, found, _results(found), refined_with, _stored(source), event["size"])
    record = dataset.record_of(source, refined, refined_with, event)
    _put(source.record_key, record)
    _measure(refined.counts)
    listed = _list()
    detail = {"dataset_id": listed.id, "manifest_uri": listed.manifest_uri}
    events.publish(event_source(settings.stage), DATASET_READY, detail)
    logger.info("dataset ready", extra={"source_id": source.id, **detail})
    return {**detail, "counts": refined.counts}


def _results(shards: list[Shard]) -> dict[int, Result]:
    """The results that workers have left."""

    def read(shard: Shard) -> Result | None:
        try:
            body = objects.read(settings.curated_bucket, result_key(shard.source_id, shard.shard))
        except FileNotFoundError:
            return None
        return read_result(body)

    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(read, shards)
        return {result.shard.shard: result for result in found if result}


def _stored(source: Source) -> set[str]:
    """What workers have written of a source, and is still there."""
    prefixes = (f"{keys.REVIEWS}{source.id}/", f"{keys.REJECTED}{source.id}/")
    return {
        key for prefix in prefixes for key in objects.list_keys(settings.curated_bucket, prefix)
    }


def _list() -> Dataset:
    """List all sources as a dataset; again, if others were added before ours was written.

    Of sources that finish together the latest dataset so has all, whatever their clocks say.
    """
    listed_at, listed = _now(), _sources()
    for _ in range(LISTINGS):
        found = _write(listed_at, sorted(listed))
        listed_at, before, listed = _now(), listed, _sources()
        if listed == before:
            return found
    raise NotReadyError(f"sources changed {LISTINGS} times while they were listed")


def _now() -> datetime:
    """The time, but later than every dataset that is there: other clocks may be ahead."""
    now = datetime.now(UTC)
    after = f"{keys.DATASETS}{dataset.id_head(now)}"
    ahead = objects.list_keys(settings.curated_bucket, keys.DATASETS, after=after)
    return dataset.later_than(ahead[-1].split("/")[1]) if ahead else now


def _sources() -> dict[str, str]:
    """Every source record by its key, with its ETag."""
    found = objects.list_objects(settings.curated_bucket, keys.SOURCES)
    return {stored.key: stored.etag for stored in found}


def _write(listed_at: datetime, records: list[str]) -> Dataset:
    bucket = settings.curated_bucket
    with ThreadPoolExecutor(READERS) as pool:
        bodies = list(pool.map(lambda key: objects.read(bucket, key), records))
    found = dataset.newest(msgspec.json.decode(body, type=SourceRecord) for body in bodies)
    manifest = dataset.manifest(bucket, found)
    id = dataset.dataset_id(listed_at, manifest)
    key = keys.manifest(id)
    version = objects.put_bytes(bucket, key, manifest, "application/json")
    described = dataset.describe(
        found,
        id=id,
        listed_at=listed_at,
        manifest=manifest,
        manifest_uri=f"s3://{bucket}/{key}",
        manifest_version_id=version,
    )
    _put(keys.dataset(id), described)  # last: it makes the dataset be there
    return described


def _put(key: str, content: msgspec.Struct) -> None:
    body = msgspec.json.format(msgspec.json.encode(content), indent=1)
    objects.put_bytes(settings.curated_bucket, key, body, "application/json")


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
