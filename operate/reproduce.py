"""From the id of a request to what its answer was made of: observations, model, rows, commit.

What a person then runs to get the same answer stands in docs/reproducing.md.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from lambdas.contract import live, outputs
from lambdas.contract.keys import PREDICTIONS
from lambdas.ports import objects
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.evidence import MODEL, unpack
from operate.lineage import lineage

HOUR = timedelta(hours=1)  # a stream files what it holds under the hour of its oldest record
WORDS = ("title", "text")  # only where a stage keeps them; they are in no terminal
OBSERVATIONS, LINEAGE, ROWS = "observations.jsonl", "lineage.json", "rows"
# Settings as the job used them: a stage overrides some of configs/model.yaml.
CONFIGURATION = "configuration.yaml"


def reproduce(deployment: Deployment, request_id: str, day: str, out: Path) -> dict[str, Any]:
    """Fetch what the answers to a request were made of into `version-N` folders below `out`.

    day: of the request, YYYY-MM-DD, UTC. Several folders where a request was sent again after a
    release. Raises InputError where nothing of the request is kept, OperateError where something
    that an answer was made of is gone.
    """
    start = _day(day)
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty: name another folder with OUT=")
    found = _observations(deployment[outputs.OBSERVATIONS_BUCKET], request_id, start)
    if not found:
        raise InputError(
            f"no observation of {day} (UTC) has the request_id {request_id}: look at the day, at "
            "how long the stage keeps observations, and whether the answer was 200"
        )
    versions: dict[str, Any] = {}
    for package in dict.fromkeys(one["model_package_arn"] for one in found):
        version = live.version(package)
        folder = out / f"version-{version}"
        versions[version] = {"folder": str(folder), **_fetch(deployment, version, folder)}
        lines = [json.dumps(one) for one in found if one["model_package_arn"] == package]
        (folder / OBSERVATIONS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    answers = [{k: v for k, v in one.items() if k not in (*WORDS, "topics")} for one in found]
    return {"answers": answers, "versions": versions}


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"{text!r} is no day: name it in UTC with DAY=2026-03-14") from None


def _observations(bucket: str, request_id: str, start: datetime) -> list[dict[str, Any]]:
    """The kept records of a request, in order of time."""
    first, last = start - HOUR, start + timedelta(days=1) + 2 * HOUR
    end = f"{PREDICTIONS}{last:%Y/%m/%d/%H}"
    mark = json.dumps(request_id).encode()
    found: list[dict[str, Any]] = []
    for stored in objects.list_objects(bucket, PREDICTIONS, f"{PREDICTIONS}{first:%Y/%m/%d/%H}"):
        if stored.key >= end:
            break
        lines = objects.read(bucket, stored.key).splitlines()
        found += [json.loads(line) for line in lines if mark in line]
    ours = [record for record in found if record["request_id"] == request_id]
    return sorted(ours, key=lambda record: (record["time"], record["index"]))


def _fetch(deployment: Deployment, version: str, folder: Path) -> dict[str, Any]:
    """Lineage, model and rows of a version; returns what of it a person reads first."""
    about = lineage(deployment, version)
    archive = objects.read_uri(about["model"]["artefact"])
    manifest = json.loads(unpack(archive, about["model"]["artefact"])["model.json"])
    (folder / MODEL).parent.mkdir(parents=True)
    (folder / LINEAGE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    (folder / CONFIGURATION).write_text(yaml.safe_dump(manifest["configuration"], sort_keys=False))
    (folder / MODEL).write_bytes(archive)
    dataset = about["dataset"]
    bucket, key = objects.split_uri(dataset["manifest"])
    prefix, *names = json.loads(objects.read(bucket, key, dataset["manifest_version_id"] or None))
    rows, base = objects.split_uri(prefix["prefix"])
    for name in names:
        _copy(rows, f"{base}{name}", folder / ROWS / name)
    return {
        "model": manifest["version"],
        "git_commit": about["code"]["git_commit"],
        "configuration_sha256": about["code"]["configuration_sha256"],
        "dataset": dataset["id"],
        "parquet_objects": len(names),
    }


def _copy(bucket: str, key: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(objects.read(bucket, key))
    except FileNotFoundError:
        raise OperateError(
            f"s3://{bucket}/{key}, rows that the model learned from, is gone: taken back by make "
            "remove or refined anew; the model was fetched and can still be asked"
        ) from None
