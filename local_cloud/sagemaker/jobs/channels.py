"""S3 to a job's folder and back, under the job's own role."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local_cloud.sagemaker.runtime import archives, emulator, roles


class TransferError(Exception):
    """Data that did not arrive; the text is the job's failure reason."""


@dataclass(frozen=True)
class Download:
    """One input: an S3 prefix, or the objects that a manifest lists, into a folder.

    folder: relative to the job's root, which stands for /opt/ml.
    """

    uri: str
    folder: str
    data_type: str = "S3Prefix"


@dataclass(frozen=True)
class Upload:
    """One output: a folder, or one archive of it, to S3. An empty folder leaves nothing."""

    folder: str
    uri: str
    kms_key: str = ""
    as_archive: bool = False


def fetch(download: Download, root: Path, *, role_arn: str) -> int:
    """Bring one input; returns the number of objects. Raises TransferError."""
    target = root / download.folder
    target.mkdir(parents=True, exist_ok=True)
    try:
        bucket, prefix = emulator.split_uri(download.uri)
        if download.data_type == "ManifestFile":
            return _fetch_manifest(bucket, prefix, target, role_arn)
        return _fetch_prefix(bucket, prefix, target, role_arn)
    except (roles.AccessDeniedError, emulator.MissingObjectError) as error:
        raise TransferError(f"Data download failed: {error}") from None


def _fetch_prefix(bucket: str, prefix: str, target: Path, role_arn: str) -> int:
    roles.may_list(role_arn, bucket, prefix)
    keys = [key for key in emulator.list_keys(bucket, prefix) if not key.endswith("/")]
    if not keys:
        raise TransferError(
            f'No S3 objects found under S3 URL "s3://{bucket}/{prefix}" given in input data '
            "source. Please ensure that objects exist under that S3 prefix, and that the role "
            f'"{role_arn}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )
    for key in keys:
        _copy(bucket, key, target, below(prefix, key), role_arn)
    return len(keys)


def _fetch_manifest(bucket: str, key: str, target: Path, role_arn: str) -> int:
    roles.may_read(role_arn, bucket, key)
    listed = manifest_uris(emulator.read_object(bucket, key).decode("utf-8", "replace"))
    for prefix, name in listed:
        data_bucket, start = emulator.split_uri(prefix + name)
        _copy(data_bucket, start, target, name, role_arn)
    return len(listed)


def manifest_uris(text: str) -> list[tuple[str, str]]:
    """(prefix, key below it) of every object that a manifest lists.

    Form: `[{"prefix": "s3://bucket/some/"}, "a.parquet", ...]`. Raises TransferError.
    """
    try:
        document = json.loads(text)
        prefix = document[0]["prefix"]
        names = document[1:]
    except (ValueError, LookupError, TypeError):
        raise TransferError('The manifest is not of the form [{"prefix": …}, "key", …]') from None
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TransferError("The manifest lists no objects, or something that is not a key")
    return [(prefix, name) for name in names]


def below(prefix: str, key: str) -> str:
    """Where an object of a prefix lies below the input's folder.

    The prefix up to its last slash goes away; a prefix that names one object leaves its name, and
    one that names a folder without its slash leaves what is inside.
    """
    if key.startswith(f"{prefix.rstrip('/')}/"):
        return key[len(prefix.rstrip("/")) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def _copy(bucket: str, key: str, folder: Path, name: str, role_arn: str) -> None:
    roles.may_read(role_arn, bucket, key)
    if ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise TransferError(f"The key {key!r} would leave the input's folder")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(emulator.read_object(bucket, key))


def deliver(uploads: Sequence[Upload], root: Path, *, role_arn: str) -> None:
    """Send every output at the end of a job. Raises TransferError."""
    for upload in uploads:
        try:
            bucket, key = emulator.split_uri(upload.uri)
            for name, body in _outgoing(upload, root / upload.folder, key):
                roles.may_write(role_arn, bucket, name, kms_key=upload.kms_key)
                emulator.write_object(bucket, name, body, kms_key=upload.kms_key)
        except (roles.AccessDeniedError, emulator.MissingObjectError) as error:
            raise TransferError(f"Data upload failed: {error}") from None


def _outgoing(upload: Upload, folder: Path, key: str) -> list[tuple[str, bytes]]:
    found = archives.files(folder)
    if upload.as_archive:
        return [(key, archives.pack(folder))] if found else []
    start = key.rstrip("/")
    below_key = [(path, path.relative_to(folder).as_posix()) for path in found]
    return [(f"{start}/{name}" if start else name, path.read_bytes()) for path, name in below_key]
