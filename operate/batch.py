"""Batch prediction: every file under a prefix, answered by a Processing job of the live model."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from lambdas.contract import outputs
from lambdas.contract.keys import PREDICT, PREDICTIONS, REVIEWS
from lambdas.contract.names import PREDICT as PREDICTION_JOBS
from lambdas.contract.names import SIGNING, key_alias
from lambdas.ports import encryption_keys, jobs, objects
from operate import follow, packages
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.place import Place
from operate.progress import RunProgress
from reviews import signature

MAX_SECONDS = 86_400
SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".parquet")


def upload(deployment: Deployment, file: Path) -> str:
    """Put a file of reviews where batch jobs read, and return its prefix."""
    if not file.is_file():
        raise InputError(f"{file} is not a file: name a .jsonl, .jsonl.gz or .parquet of reviews")
    objects.put_file(deployment[outputs.CURATED_BUCKET], f"{PREDICT}{file.name}", file)
    return f"{PREDICT}{file.name}"


def predict(deployment: Deployment, prefix: str, out: str, version: str = "") -> str:
    """Answer every file under a prefix of the curated bucket and wait; returns the output's URI.

    prefix: below `predict/` (raw files) or `reviews/` (curated ones). out: below `predictions/`;
    empty is `predictions/<its folder>`. version: of the model, empty is the live one. Files whose
    predictions are there already are not asked again.
    Raises InputError where there is nothing to answer, OperateError where the job failed.
    """
    bucket = deployment[outputs.CURATED_BUCKET]
    if not prefix.startswith((PREDICT, REVIEWS)):
        raise InputError(f"batch jobs read {PREDICT} and {REVIEWS} of {bucket}, not {prefix!r}")
    base, names = _files(bucket, prefix)
    out = f"{(out or PREDICTIONS + base).strip('/')}/"
    if not out.startswith(PREDICTIONS):
        raise InputError(f"batch jobs write below {PREDICTIONS}, not {out!r}")
    package = packages.find(deployment, version)
    answered = set(objects.list_keys(bucket, out))
    missing = [name for name in names if f"{out}{name}.jsonl" not in answered]
    progress = RunProgress()
    progress.log(f"{len(names)} files, {len(names) - len(missing)} answered before")
    if not missing:
        return f"s3://{bucket}/{out}"
    name = f"{deployment.place.name(PREDICTION_JOBS)}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    manifest_key = f"{PREDICTIONS}.manifests/{name}.json"
    manifest = json.dumps([{"prefix": f"s3://{bucket}/{base}"}, *missing])
    objects.put_bytes(bucket, manifest_key, manifest.encode())
    jobs.start_prediction(
        jobs.PredictionJob(
            name=name,
            role_arn=deployment[outputs.BATCH_ROLE_ARN],
            image_uri=deployment[outputs.IMAGE_URI],
            instance_type=deployment[outputs.JOB_INSTANCE_TYPE],
            model_uri=package.model_data_url,
            manifest_uri=f"s3://{bucket}/{manifest_key}",
            out_uri=f"s3://{bucket}/{out}",
            environment=_trust(deployment.place),
        )
    )
    with progress.step("predict", f"Answer {len(missing)} files with version {package.version}"):
        job = follow.until(f"the end of {name}", lambda: _ended(name), MAX_SECONDS)
        if job.status != "Completed":
            raise OperateError(f"{name} ended {job.status}: {job.failure}")
    return f"s3://{bucket}/{out}"


def _trust(place: Place) -> dict[str, str]:
    """What the job asks of the model's signature, as a server of this stage does."""
    key = encryption_keys.public_key(key_alias(place.stage, SIGNING))
    return {
        signature.POLICY_VARIABLE: place.settings.learning.signature,
        signature.KEYS_VARIABLE: signature.encode_keys([key]),
    }


def _files(bucket: str, prefix: str) -> tuple[str, list[str]]:
    """The folder that names are relative to, and the names of the files of reviews there."""
    base = prefix[: prefix.rfind("/") + 1]
    keys = [key for key in objects.list_keys(bucket, prefix) if key.endswith(SUFFIXES)]
    if not keys:
        raise InputError(f"s3://{bucket}/{prefix} holds no {', '.join(SUFFIXES)}")
    return base, [key.removeprefix(base) for key in keys]


def _ended(name: str) -> jobs.Job | None:
    job = jobs.describe(name)
    return job if job.status in ("Completed", "Failed", "Stopped") else None
