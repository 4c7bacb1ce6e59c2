"""Taking a raw file back: out of the next dataset, and everything that was made of it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.contract import keys, outputs
from lambdas.contract import packages as registry
from lambdas.ports import machines, models, objects
from operate import follow
from operate.confirm import Ask, require_typed
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.place import Place
from operate.progress import RunProgress

MARKER = "Delete Marker Created"  # what S3's own event calls it
SECONDS = 900
MADE_OF_SOURCES = (keys.REVIEWS, keys.REJECTED, keys.WORK)


@dataclass(frozen=True)
class Removed:
    """What is gone.

    dataset_id: of the one that lists the file no more; empty where none did. versions: of models
    that learned from it.
    """

    key: str
    dataset_id: str
    objects: int
    versions: list[int]


def remove(
    deployment: Deployment, name: str, *, confirmed: str = "", ask: Ask | None = None
) -> Removed:
    """Delete a raw file in all its versions, its Parquet and its rejected lines, for good.

    name: below `incoming/`, or the whole key. The next dataset is listed without it first; models
    that learned from it stay, and are named. A stage on AWS wants the name once more: `confirmed`,
    or what `ask` returns.
    Raises InputError where there is no such file or it was not confirmed, OperateError where no
    dataset could be listed.
    """
    key = name if name.startswith(keys.INCOMING) else f"{keys.INCOMING}{name}"
    raw, curated = deployment[outputs.RAW_BUCKET], deployment[outputs.CURATED_BUCKET]
    made = [f"{prefix}{keys.source_hash(key)}-" for prefix in MADE_OF_SOURCES]
    has_rows = any(objects.list_keys(curated, prefix) for prefix in made)
    if key == keys.INCOMING or not (has_rows or objects.has_versions(raw, key)):
        there = objects.list_keys(raw, keys.INCOMING)
        known = ", ".join(found.removeprefix(keys.INCOMING) for found in there[:20]) or "none"
        raise InputError(f"there is no raw file {key}: known are {known}")
    if not deployment.place.is_local:
        _confirm(deployment.place, key, confirmed, ask)
    versions = learned_from(deployment, key)
    was_listed = key in _files_of(curated, _latest(curated))
    _list_without(deployment, key, objects.delete(raw, key))
    dataset_id = _latest(curated) if was_listed else ""
    deleted = objects.delete_versions(raw, key, exactly=True)
    deleted += sum(objects.delete_versions(curated, prefix) for prefix in made)
    return Removed(key, dataset_id, deleted, versions)


def _confirm(place: Place, key: str, confirmed: str, ask: Ask | None) -> None:
    name = key.removeprefix(keys.INCOMING)
    said = shlex.quote(name)
    require_typed(
        (name, key),
        confirmed=confirmed,
        ask=ask,
        question=f"Every version of {key} in stage {place.stage}, account "
        f"{place.settings.account}, and what was made of it go for good. Type the file's name "
        f"({name}): ",
        what="the file's name",
        undone="deleted",
        script=f"make remove STAGE={place.stage} FILE={said} CONFIRM={said}",
    )


def learned_from(deployment: Deployment, key: str) -> list[int]:
    """Versions of the models whose dataset lists a raw file, newest first."""
    found: dict[str, bool] = {}
    versions = []
    for package in models.packages(deployment[outputs.MODEL_PACKAGE_GROUP]):
        id = package.metadata.get(registry.DATASET_ID, "")
        if id not in found:
            found[id] = key in _files_of(deployment[outputs.CURATED_BUCKET], id)
        if found[id]:
            versions.append(package.version)
    return versions


def describe(removed: Removed) -> str:
    """What happened and what is left to do, in sentences."""
    listed = (
        f"dataset {removed.dataset_id} is without it"
        if removed.dataset_id
        else "no dataset listed it"
    )
    named = ", ".join(map(str, removed.versions))
    learned = (
        f"version {named} learned from it: it stays in them until they are replaced"
        if removed.versions
        else "no model learned from it"
    )
    return (
        f"{removed.key} is removed, {removed.objects} object versions for good; {listed}; {learned}"
    )


def _latest(curated: str) -> str:
    """The id of the newest dataset; empty where there is none."""
    listed = objects.list_keys(curated, keys.DATASETS)
    return max(filter(None, map(keys.dataset_id, listed)), default="")


def _list_without(deployment: Deployment, key: str, marker: str) -> None:
    """Have a dataset listed, and wait for it; S3's own event may have done it before us."""
    progress = RunProgress()
    event = {
        "bucket": deployment[outputs.RAW_BUCKET],
        "key": key,
        "version": marker,
        "removed": MARKER,
        "time": datetime.now(UTC).isoformat(),
        "sequencer": "",
    }
    with progress.step("remove", f"List the reviews without {key}"):
        arn = machines.start(deployment[outputs.PREPROCESS_MACHINE_ARN], event)
        done = follow.finished(arn, progress, SECONDS)
        if not done.succeeded:
            raise OperateError(f"{key} was deleted, but no dataset was listed: {done.reason}")


def _files_of(curated: str, dataset_id: str) -> set[str]:
    try:
        record = json.loads(objects.read(curated, keys.dataset(dataset_id)))
    except FileNotFoundError:
        return set()
    return {source["key"] for source in record["sources"]}
