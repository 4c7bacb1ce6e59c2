"""S3 objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.ports.clients import client
from reviews.errors import NotReadyError, SourceError

DELETE_BATCH = 1000
REOPENINGS = 5  # of one stream whose connection breaks off
ABSENT = ("404", "NoSuchKey", "NoSuchVersion", "NotFound")
FORBIDDEN = ("403", "AccessDenied", "Forbidden")


@dataclass(frozen=True)
class Stored:
    """What S3 says of one object version; `version` is "null" in a bucket without versions."""

    key: str
    size: int
    etag: str
    version: str
    modified: datetime


class RangeError(SourceError):
    """The store does not keep to byte ranges: what it sends is not what was asked for."""


class ObjectStream:
    """An object's bytes as they arrive; a connection that breaks off is opened again in place.

    Reads one version, or fails: if the object was overwritten meanwhile, the ETag differs.
    Raises RangeError where the answer begins at another byte than the one that was asked for.
    """

    def __init__(self, bucket: str, key: str, version: str | None, start: int) -> None:
        self._what = {"Bucket": bucket, "Key": key, **_of(version)}
        self._at = start
        self._left = REOPENINGS
        self._body = self._open()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all of the rest without it, none at the end.

        Raises NotReadyError where the connection breaks off again and again.
        """
        while True:
            try:
                piece: bytes = self._body.read(None if size < 0 else size)
                self._at += len(piece)
                return piece
            except BotoCoreError as error:
                self._left -= 1
                if self._left < 0:
                    name = type(error).__name__
                    raise NotReadyError(f"{self._what['Key']} breaks off: {name}") from None
                self._body = self._open()

    def close(self) -> None:
        """Let the connection go, read to its end or not."""
        self._body.close()

    def _open(self) -> Any:
        if self._at:
            self._what["Range"] = f"bytes={self._at}-"
        answer = _found(client("s3").get_object, **self._what)
        _check_range(answer, self._what, self._at)
        self._what["IfMatch"] = answer["ETag"]
        return answer["Body"]


def head(bucket: str, key: str, version: str | None = None) -> Stored:
    """Describe an object.

    Raises FileNotFoundError where there is none.
    """
    answer = _found(client("s3").head_object, Bucket=bucket, Key=key, **_of(version))
    return Stored(
        key,
        answer["ContentLength"],
        answer["ETag"].strip('"'),
        answer.get("VersionId") or "null",
        answer["LastModified"],
    )


def read(bucket: str, key: str, version: str | None = None) -> bytes:
    """A whole object.

    Raises FileNotFoundError where there is none.
    """
    answer = _found(client("s3").get_object, Bucket=bucket, Key=key, **_of(version))
    body: bytes = answer["Body"].read()
    return body


def read_first(bucket: str, key: str, size: int, version: str | None = None) -> bytes:
    """The first bytes of an object that is not empty.

    Raises FileNotFoundError where there is none, RangeError where more is answered.
    """
    what = {"Bucket": bucket, "Key": key, "Range": f"bytes=0-{size - 1}", **_of(version)}
    answer = _found(client("s3").get_object, **what)
    _check_range(answer, what, 0)
    body: bytes = answer["Body"].read()
    return body


def stream(bucket: str, key: str, version: str | None = None, start: int = 0) -> ObjectStream:
    """An object's bytes from `start` on, as they arrive.

    Raises FileNotFoundError where there is none.
    """
    return ObjectStream(bucket, key, version, start)


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


def put_again(bucket: str, key: str) -> None:
    """Make a new version of an object with the same content, inside S3: whoever waits is told."""
    more = {"MetadataDirective": "REPLACE"}  # S3 copies nothing onto itself unless this is said
    client("s3").copy({"Bucket": bucket, "Key": key}, bucket, key, ExtraArgs=more)


def put_whole(bucket: str, key: str, file: IO[bytes]) -> str:
    """Upload all of a file, at most 5 GB, in one request: there whole or not at all.

    Returns its version ("null" in a bucket without versions).
    """
    file.seek(0)
    answer = client("s3").put_object(Bucket=bucket, Key=key, Body=file)
    return answer.get("VersionId") or "null"


def list_objects(bucket: str, prefix: str, after: str = "") -> Iterator[Stored]:
    """Newest versions under a prefix, in the order of their keys; those greater than `after`."""
    what = {"Bucket": bucket, "Prefix": prefix, **({"StartAfter": after} if after else {})}
    for page in client("s3").get_paginator("list_objects_v2").paginate(**what):
        for item in page.get("Contents", []):
            etag = item["ETag"].strip('"')
            yield Stored(item["Key"], item["Size"], etag, "", item["LastModified"])


def list_keys(bucket: str, prefix: str, after: str = "") -> list[str]:
    """Keys under a prefix, in order, from the first one greater than `after`."""
    return [item.key for item in list_objects(bucket, prefix, after)]


def delete(bucket: str, key: str) -> str:
    """Delete an object, its versions stay; returns the version of the marker ("null": none)."""
    answer = client("s3").delete_object(Bucket=bucket, Key=key)
    return answer.get("VersionId") or "null"


def has_versions(bucket: str, key: str) -> bool:
    """Whether any version of an object is there, deleted or not."""
    page = client("s3").list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=1)
    found = page.get("Versions", []) + page.get("DeleteMarkers", [])
    return any(item["Key"] == key for item in found)


def empty(bucket: str) -> int:
    """Delete every version of every object and return how many there were."""
    return delete_versions(bucket, "")


def delete_versions(bucket: str, prefix: str, *, exactly: bool = False) -> int:
    """Delete every version under a prefix for good and return how many there were.

    exactly: only of the object whose key the prefix is.
    Raises PermissionError with the first key that may not be deleted.
    """
    s3 = client("s3")
    deleted = 0
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        batch = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in entries
            if not exactly or item["Key"] == prefix
        ]
        for first in range(0, len(batch), DELETE_BATCH):
            part = batch[first : first + DELETE_BATCH]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": part, "Quiet": True})
            if kept := answer.get("Errors"):  # in an answer of status 200
                raise PermissionError(
                    f"s3://{bucket}/{kept[0]['Key']} could not be deleted ({kept[0]['Code']}), nor "
                    f"{len(kept) - 1} more: see what the bucket's policy and your role allow"
                )
        deleted += len(batch)
    return deleted


def _of(version: str | None) -> dict[str, str]:
    return {"VersionId": version} if version and version != "null" else {}


def _check_range(answer: Any, what: dict[str, str], begin: int) -> None:
    """Raise RangeError where a range was asked for, and another one or everything is answered."""
    if "Range" not in what:
        return
    given = str(answer.get("ContentRange") or "")
    if given.startswith(f"bytes {begin}-"):
        return
    answered = f"answered with {given}" if given else "answered with the whole object"
    answer["Body"].close()
    raise RangeError(
        f"s3://{what['Bucket']}/{what['Key']}: {what['Range']} was asked for and {answered}, so "
        "lines would be lost or read twice: the store, or a proxy before it, must keep Range"
    )


def _found(call: Any, **what: str) -> Any:
    try:
        return call(**what)
    except ClientError as error:
        place = f"s3://{what['Bucket']}/{what['Key']}"
        code = error.response["Error"]["Code"]
        if code in ABSENT:
            raise FileNotFoundError(place) from None
        if code in FORBIDDEN:  # also what is absent, to one who may not list
            raise PermissionError(f"{place} is not there, or may not be read") from None
        raise
