"""The emulator's own process, asked over TLS as our functions ask it."""

from __future__ import annotations

import pytest

from tests.unit.local_cloud.conftest import SupervisorRun

pytestmark = pytest.mark.slow  # a real process, started and waited for


def test_two_readers_of_one_version_get_each_byte_once(up: SupervisorRun) -> None:
    s3 = up.ready().client("s3")
    s3.create_bucket(Bucket="raw")
    s3.put_bucket_versioning(Bucket="raw", VersioningConfiguration={"Status": "Enabled"})
    body = bytes(range(256)) * 4096
    version = s3.put_object(Bucket="raw", Key="a", Body=body)["VersionId"]
    middle = len(body) // 2
    what = {"Bucket": "raw", "Key": "a", "VersionId": version}
    halves = [
        s3.get_object(**what, Range=asked)
        for asked in (f"bytes=0-{middle - 1}", f"bytes={middle}-")
    ]
    assert [half["ResponseMetadata"]["HTTPStatusCode"] for half in halves] == [206, 206]
    assert b"".join(half["Body"].read() for half in halves) == body
    assert s3.head_object(**what, Range="bytes=-7")["ContentLength"] == 7
