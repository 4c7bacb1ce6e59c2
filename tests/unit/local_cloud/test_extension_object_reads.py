"""S3's ranges, versions, conditions and pages, as far as our code asks for them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.extension.object_reads import byte_range
from tests.unit.local_cloud.conftest import Cloud

BODY = b"0123456789"


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    client = cloud.client("s3")
    client.create_bucket(Bucket="raw")
    client.put_bucket_versioning(Bucket="raw", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def old(s3: Any) -> str:
    """A version that is no longer the newest one."""
    version = s3.put_object(Bucket="raw", Key="a", Body=BODY)["VersionId"]
    s3.put_object(Bucket="raw", Key="a", Body=b"another")
    return str(version)


RANGES = [
    ("bytes=0-3", b"0123", "bytes 0-3/10"),
    ("bytes=4-4", b"4", "bytes 4-4/10"),
    ("bytes=7-", b"789", "bytes 7-9/10"),
    ("bytes=7-99", b"789", "bytes 7-9/10"),
    ("bytes=-3", b"789", "bytes 7-9/10"),
    ("bytes=-99", BODY, "bytes 0-9/10"),
]


@pytest.mark.parametrize("is_versioned", [False, True])
@pytest.mark.parametrize(("asked", "body", "place"), RANGES)
def test_a_range_of_an_object_is_answered_with_its_place(
    s3: Any, asked: str, body: bytes, place: str, is_versioned: bool
) -> None:
    version = s3.put_object(Bucket="raw", Key="a", Body=BODY)["VersionId"]
    which = {"VersionId": version} if is_versioned else {}
    if is_versioned:
        s3.put_object(Bucket="raw", Key="a", Body=b"another")
    for mode in ({}, {"ChecksumMode": "ENABLED"}):
        answer = s3.get_object(Bucket="raw", Key="a", Range=asked, **which, **mode)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert (answer["ContentRange"], answer["ContentLength"]) == (place, len(body))
        assert answer["Body"].read() == body
        assert not [name for name in answer if name.startswith("Checksum")]
    described = s3.head_object(Bucket="raw", Key="a", Range=asked, **which)
    assert described["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert described["ContentLength"] == len(body)
    if is_versioned:
        assert answer["VersionId"] == version


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_the_object_is_refused(s3: Any, old: str, asked: str) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="raw", Key="a", VersionId=old, Range=asked)
    assert caught.value.response["Error"]["Code"] == "InvalidRange"
    metadata = caught.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 416
    assert metadata["HTTPHeaders"]["content-range"] == "bytes */10"
    with pytest.raises(ClientError, match="416"):
        s3.head_object(Bucket="raw", Key="a", VersionId=old, Range=asked)


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=-", "3-4"])
def test_what_is_not_one_range_is_ignored(s3: Any, old: str, asked: str) -> None:
    answer = s3.get_object(Bucket="raw", Key="a", VersionId=old, Range=asked)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (200, BODY)
    assert "ContentRange" not in answer


def test_an_empty_object_has_no_range(s3: Any) -> None:
    version = s3.put_object(Bucket="raw", Key="empty", Body=b"")["VersionId"]
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket="raw", Key="empty", VersionId=version, Range="bytes=0-")
    assert byte_range("bytes=-5", 0) == (0, 0)


def test_a_condition_comes_before_the_range(s3: Any, old: str) -> None:
    etag = s3.head_object(Bucket="raw", Key="a", VersionId=old)["ETag"]
    newest = s3.head_object(Bucket="raw", Key="a")["ETag"]
    part = {"Bucket": "raw", "Key": "a", "Range": "bytes=2-3"}
    assert s3.get_object(**part, VersionId=old, IfMatch=etag)["Body"].read() == b"23"
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.get_object(**part, VersionId=old, IfMatch=newest)
    with pytest.raises(ClientError, match="304"):
        s3.get_object(**part, IfNoneMatch=newest)


def test_a_deleted_version_has_no_range(s3: Any, old: str) -> None:
    s3.delete_object(Bucket="raw", Key="a", VersionId=old)
    with pytest.raises(ClientError, match="NoSuchVersion"):
        s3.get_object(Bucket="raw", Key="a", VersionId=old, Range="bytes=0-1")
    assert s3.get_object(Bucket="raw", Key="a")["Body"].read() == b"another"


def test_listings_start_after_a_key_and_go_on_in_pages(s3: Any) -> None:
    names = [f"in/{number}" for number in range(7)]
    for name in names:
        s3.put_object(Bucket="raw", Key=name, Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="raw", Prefix="in/", StartAfter="in/1", PaginationConfig={"PageSize": 2}
    )
    found = [[item["Key"] for item in page["Contents"]] for page in pages]
    assert found == [["in/2", "in/3"], ["in/4", "in/5"], ["in/6"]]


def test_versions_are_listed_in_pages_and_deleted_one_by_one(s3: Any, old: str) -> None:
    s3.delete_object(Bucket="raw", Key="a")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket="raw", PaginationConfig={"PageSize": 1}
    )
    found = [
        (item["Key"], item["VersionId"])
        for page in pages
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    ]
    assert len(set(found)) == len(found) == 3
    wanted = [{"Key": key, "VersionId": version} for key, version in found]
    s3.delete_objects(Bucket="raw", Delete={"Objects": wanted, "Quiet": True})
    left = s3.list_object_versions(Bucket="raw")
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_a_write_keeps_its_condition_and_its_checksum(s3: Any, old: str) -> None:
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="raw", Key="a", Body=b"x", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="raw", Key="a", Body=b"x", IfMatch='"other"')
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket="raw", Key="b", Body=b"x", ChecksumSHA256="A" * 43 + "=")


def test_a_large_object_is_written_and_copied_in_parts(s3: Any) -> None:
    body = bytes(range(256)) * 40_000  # 10 MB: two parts of boto3's 8 MB
    s3.upload_fileobj(io.BytesIO(body), "raw", "large")
    first = s3.head_object(Bucket="raw", Key="large")["VersionId"]
    s3.put_object(Bucket="raw", Key="large", Body=b"newer")
    source = {"Bucket": "raw", "Key": "large", "VersionId": first}
    s3.copy(source, "raw", "copy")
    assert s3.get_object(Bucket="raw", Key="copy")["Body"].read() == body
    tail = s3.get_object(Bucket="raw", Key="large", VersionId=first, Range="bytes=-5")
    assert tail["Body"].read() == body[-5:]
