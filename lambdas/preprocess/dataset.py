"""A dataset: the newest version of every raw object, by the exact Parquet objects. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from lambdas.preprocess.results import RefinedSource, RefinedWith, WrittenShard
from lambdas.preprocess.source import RawSource
from reviews.counts import Counts
from reviews.errors import ConfigurationError
from reviews.language import DEFAULT


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A refined source. event_time: when S3 stored the raw object, UTC.

    sequencer: of its event, hexadecimal; of two of one key the later is greater. Empty where no
    event started the run.
    """

    source_id: str
    key: str
    version: str
    etag: str
    size: int
    event_time: datetime
    sequencer: str = ""
    counts: dict[str, Any]
    parquet: list[WrittenShard]
    rejected: list[WrittenShard]
    detector: str = DEFAULT  # records without it are of this one
    text_rules: str
    configuration_digest: str
    code_version: str


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the refined sources, or in the place of one, after a deletion.

    removed: all of a key until then, or one version of it. event_time, sequencer: as above.
    """

    removed: Literal["key", "version"]
    key: str
    version: str
    event_time: datetime
    sequencer: str = ""


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside a manifest. counts: of all sources together.

    Where sources were refined differently, what differs is joined by `+`.
    """

    id: str
    listed_at: datetime
    sources: list[dict[str, Any]]
    counts: dict[str, Any]
    manifest_uri: str
    manifest_version_id: str
    manifest_sha256: str
    detector: str
    text_rules: str
    configuration_digest: str
    code_version: str


def record_of(
    source: RawSource, refined: RefinedSource, refined_with: RefinedWith, planned: Mapping[str, Any]
) -> SourceRecord:
    """The record of a source; a function of the source, so that a repeated run writes it again.

    planned: what plan answered.
    """
    return SourceRecord(
        source_id=source.id,
        key=source.key,
        version=source.version,
        etag=planned["etag"],
        size=planned["size"],
        event_time=datetime.fromisoformat(planned["event_time"]),
        sequencer=planned["sequencer"],
        counts=refined.counts,
        parquet=refined.parquet,
        rejected=refined.rejected,
        **msgspec.structs.asdict(refined_with),
    )


def read_record(key: str, body: bytes) -> SourceRecord | Removal:
    """What stands at a key under `sources/`.

    Raises ConfigurationError, with the key and the remedy, where it is neither: left out in
    silence, its rows would be missing from every later dataset.
    """
    try:
        return msgspec.json.decode(body, type=Removal)
    except msgspec.MsgspecError:
        pass
    try:
        return msgspec.json.decode(body, type=SourceRecord)
    except msgspec.MsgspecError:
        raise ConfigurationError(
            f"{key} in the curated bucket is no record of a source, or of other code: delete it "
            "and refine the raw files again (make refine)"
        ) from None


def newest(records: Iterable[SourceRecord | Removal]) -> list[SourceRecord]:
    """Of each raw key the version that S3 stored last, in the order of keys; none once deleted.

    S3 tells seconds: of two versions of one second the sequencers of their events decide.
    """
    found: dict[str, SourceRecord | Removal] = {}
    for record in records:
        if isinstance(record, Removal) and record.removed == "version":
            continue  # it stands in the place of that version's record
        known = found.get(record.key)
        if known is None or age(known) < age(record):
            found[record.key] = record
    ordered = (found[key] for key in sorted(found))
    return [record for record in ordered if isinstance(record, SourceRecord)]


def manifest(bucket: str, records: Sequence[SourceRecord]) -> bytes:
    """The Parquet objects in SageMaker's ManifestFile form."""
    keys = [written.key for record in records for written in record.parquet]
    return msgspec.json.encode([{"prefix": f"s3://{bucket}/"}, *keys])


def dataset_id(listed_at: datetime, manifest: bytes) -> str:
    """An id that sorts by the time of listing, to the microsecond."""
    return f"{id_head(listed_at)}{hashlib.sha256(manifest).hexdigest()[:3]}"


def id_head(listed_at: datetime) -> str:
    """What the ids of datasets begin with that were listed then; later ones are greater."""
    return f"{listed_at:%Y%m%dT%H%M%SZ}-{listed_at.microsecond:05x}"


def later_than(id: str) -> datetime:
    """The next moment after a dataset was listed."""
    second, rest = id.split("-")
    listed_at = datetime.strptime(second, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return listed_at + timedelta(microseconds=int(rest[:5], 16) + 1)


def describe(
    records: Sequence[SourceRecord],
    *,
    id: str,
    listed_at: datetime,
    manifest: bytes,
    manifest_uri: str,
    manifest_version_id: str,
) -> Dataset:
    """The record of a dataset whose manifest is written."""
    counts = Counts()
    for record in records:
        counts += Counts.from_dict(record.counts)
    counts.check()
    return Dataset(
        id=id,
        listed_at=listed_at,
        sources=[_short(record) for record in records],
        counts=counts.to_dict(),
        manifest_uri=manifest_uri,
        manifest_version_id=manifest_version_id,
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        detector=_all(record.detector for record in records),
        text_rules=_all(record.text_rules for record in records),
        configuration_digest=_all(record.configuration_digest for record in records),
        code_version=_all(record.code_version for record in records),
    )


def age(record: SourceRecord | Removal) -> tuple[datetime, str, str]:
    """What orders the versions and deletions of one key."""
    return record.event_time, record.sequencer.rjust(64, "0"), record.version


def _short(record: SourceRecord) -> dict[str, Any]:
    return {
        "source_id": record.source_id,
        "key": record.key,
        "version": record.version,
        "event_time": record.event_time,
        "rows": record.counts["kept"],
        "parquet": record.parquet,
    }


def _all(values: Iterable[str]) -> str:
    return "+".join(sorted(set(values)))
