"""S3 objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import ClientError

from lambdas.ports.clients import client

DELETE_BATCH = 1000


@dataclass(frozen=True)
class Stored:
    """What S3 says of one object version; `version` is "null" in a bucket without versions."""

    key: str
    size: int
    etag: str
    version: str


def head(bucket: str, key: str, version: str | None = None) -> Stored:
    """Describe an object.

    Raises FileNotFoundError where there is none.
    """
    more = {"VersionId": version} if version and version != "null" else {}
    answer = _found(client("s3").head_object, bucket, key, **more)
    return Stored(
        key,
        answer["ContentLength"],
        answer["ETag"].strip('"'),
        answer.get("VersionId") or "null",
    )


def read(bucket: str, key: str, version: str | None = None) -> bytes:
    """A whole object.

    Raises FileNotFoundError where there is none.
    """
    more = {"VersionId": version} if version and version != "null" else {}
    body: bytes = _found(client("s3").get_object, bucket, key, **more)["Body"].read()
    return body


def stream(
    bucket: str, key: str, version: str | None = None, start: int = 0, end: int | None = None
) -> IO[bytes]:
    """An object's bytes from `start` up to, not including, `end`, as they arrive.

    Raises FileNotFoundError where there is none.
    """
    more: dict[str, str] = {"VersionId": version} if version and version != "null" else {}
    if start or end is not None:
        more["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
    body: IO[bytes] = _found(client("s3").get_object, bucket, key, **more)["Body"]
    return body


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// address."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read_uri(uri: str) -> bytes:
    """A whole object by its s3:// address.

    Raises FileNotFoundError where there is none.
    """
    return read(*split_uri(uri))


def put_bytes(bucket: str, key: str, body: bytes, content_type: str = "") -> str:
    """Write an object whole and return its version ("null" in a bucket without versions)."""
    more = {"ContentType": content_type} if content_type else {}
    answer = client("s3").put_object(Bucket=bucket, Key=key, Body=body, **more)
    return answer.get("VersionId") or "null"


def put_file(bucket: str, key: str, path: Path) -> None:
    """Upload a file, in parts where it is large."""
    client("s3").upload_file(str(path), bucket, key)


def list_objects(bucket: str, prefix: str) -> Iterator[Stored]:
    """Newest versions under a prefix, in the order of their keys."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for item in page.get("Contents", []):
            yield Stored(item["Key"], item["Size"], item["ETag"].strip('"'), "")


def list_keys(bucket: str, prefix: str, after: str = "") -> list[str]:
    """Keys under a prefix, in order, from the first one greater than `after`."""
    return [item.key for item in list_objects(bucket, prefix) if item.key > after]


def empty(bucket: str) -> int:
    """Delete every version of every object and return how many there were."""
    s3 = client("s3")
    deleted = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        batch = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in entries]
        for first in range(0, len(batch), DELETE_BATCH):
            part = batch[first : first + DELETE_BATCH]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": part, "Quiet": True})
        deleted += len(batch)
    return deleted


def _found(call: Any, bucket: str, key: str, **more: str) -> Any:
    try:
        return call(Bucket=bucket, Key=key, **more)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchVersion", "NotFound"):
            raise FileNotFoundError(f"s3://{bucket}/{key}") from None
        raise
