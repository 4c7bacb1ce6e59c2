"""Putting a raw file where the loop begins."""

from __future__ import annotations

from pathlib import Path

from lambdas.ports import objects
from operate.deployment import Deployment
from operate.source import choose


def upload(deployment: Deployment, file: Path) -> str:
    """Upload a raw file and return its address; preprocessing starts by itself.

    Raises InputError where the file cannot be one of raw reviews.
    """
    path = choose(str(file), deployment.place.home)
    key = f"incoming/{path.name}"
    objects.put_file(deployment["RawBucket"], key, path)
    return f"s3://{deployment['RawBucket']}/{key}"
