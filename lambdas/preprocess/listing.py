"""The next dataset: what stands in `sources/` now, listed as one."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec

from lambdas.contract import keys
from lambdas.ports import objects
from lambdas.preprocess import dataset
from lambdas.preprocess.dataset import Dataset, SourceRecord
from reviews.errors import NotReadyError

READERS = 16  # at a time, of small objects
LISTINGS = 20  # sources that finish meanwhile make us list again


def list_dataset(bucket: str) -> Dataset:
    """List all sources as a dataset; again, if others were added before ours was written.

    Of sources that finish together the latest dataset so has all, whatever their clocks say.
    """
    listed_at, listed = _now(bucket), _sources(bucket)
    for _ in range(LISTINGS):
        found = _write(bucket, listed_at, sorted(listed))
        listed_at, before, listed = _now(bucket), listed, _sources(bucket)
        if listed == before:
            return found
    raise NotReadyError(f"sources changed {LISTINGS} times while they were listed")


def is_listed(bucket: str) -> bool:
    """Whether the latest dataset lists what stands in `sources/` now, or none is needed."""
    current = dataset.manifest(bucket, _newest(bucket, sorted(_sources(bucket))))
    ids = list(filter(None, map(keys.dataset_id, objects.list_keys(bucket, keys.DATASETS))))
    if not ids:
        return current == dataset.manifest(bucket, [])
    latest = objects.read(bucket, keys.manifest(max(ids)))
    return hashlib.sha256(latest).digest() == hashlib.sha256(current).digest()


def put(bucket: str, key: str, content: msgspec.Struct) -> None:
    """Write a record, readable by people too."""
    body = msgspec.json.format(msgspec.json.encode(content), indent=1)
    objects.put_bytes(bucket, key, body, "application/json")


def _now(bucket: str) -> datetime:
    """The time, but later than every dataset that is there: other clocks may be ahead."""
    now = datetime.now(UTC)
    after = f"{keys.DATASETS}{dataset.id_head(now)}"
    ahead = objects.list_keys(bucket, keys.DATASETS, after=after)
    return dataset.later_than(ahead[-1].split("/")[1]) if ahead else now


def _sources(bucket: str) -> dict[str, str]:
    """Every record by its key, with its ETag."""
    found = objects.list_objects(bucket, keys.SOURCES)
    return {stored.key: stored.etag for stored in found}


def _newest(bucket: str, records: list[str]) -> list[SourceRecord]:
    with ThreadPoolExecutor(READERS) as pool:
        bodies = list(pool.map(lambda key: objects.read(bucket, key), records))
    return dataset.newest(map(dataset.read_record, records, bodies))


def _write(bucket: str, listed_at: datetime, records: list[str]) -> Dataset:
    found = _newest(bucket, records)
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
    put(bucket, keys.dataset(id), described)  # last: it makes the dataset be there
    return described
