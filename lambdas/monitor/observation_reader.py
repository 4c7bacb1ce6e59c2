"""Which objects hold the observations of some hours, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lambdas.ports import objects

HOUR = timedelta(hours=1)  # a stream files what it holds under the hour of its oldest record


def span(prefix: str, start: datetime, end: datetime) -> tuple[str, str]:
    """The keys between which every record of (start, end] stands. Pure.

    Keys are `<prefix>YYYY/MM/DD/HH/...`, by UTC, so they sort by time.
    """
    first, last = start - HOUR, end + 2 * HOUR
    return f"{prefix}{first:%Y/%m/%d/%H}", f"{prefix}{last:%Y/%m/%d/%H}"


def lines(bucket: str, prefix: str, start: datetime, end: datetime) -> Iterator[bytes]:
    """The lines of every object that may hold records of (start, end]."""
    first, last = span(prefix, start, end)
    for stored in objects.list_objects(bucket, prefix, first):
        if stored.key >= last:
            return
        yield from objects.read(bucket, stored.key).splitlines()


def fetch_folder(uri: str, folder: Path) -> None:
    """Copy the files directly under an s3:// address into a folder."""
    bucket, prefix = objects.split_uri(uri)
    prefix = prefix.rstrip("/") + "/"
    for key in objects.list_keys(bucket, prefix):
        name = key.removeprefix(prefix)
        if "/" not in name:
            (folder / name).write_bytes(objects.read(bucket, key))
