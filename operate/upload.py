"""Putting raw files where the loop begins, for the first time or again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lambdas.contract import outputs
from lambdas.contract.keys import INCOMING
from lambdas.ports import objects
from operate.deployment import Deployment
from operate.errors import InputError
from operate.source import Log, as_lines, check


def upload(deployment: Deployment, file: Path, log: Log) -> str:
    """Upload a file of reviews and return its address; preprocessing starts by itself.

    What the worker does not read as it is goes up converted, and `log` says so.
    Raises InputError where the file cannot be one of reviews.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = as_lines(check(str(file)), Path(folder), log)
        key = f"{INCOMING}{path.name}"
        objects.put_file(deployment[outputs.RAW_BUCKET], key, path)
    return f"s3://{deployment[outputs.RAW_BUCKET]}/{key}"


def refine_again(deployment: Deployment) -> int:
    """Have every raw file refined again, after a change of rules or detector; returns how many.

    Each becomes a new version of itself, so the newest dataset has it once.
    Raises InputError where there is none.
    """
    bucket = deployment[outputs.RAW_BUCKET]
    keys = objects.list_keys(bucket, INCOMING)
    if not keys:
        raise InputError(f"s3://{bucket}/{INCOMING} holds no raw file: upload one first")
    for key in keys:
        objects.put_again(bucket, key)
    return len(keys)
