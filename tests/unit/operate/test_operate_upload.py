"""Raw files that are put into the bucket, for the first time and again."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

from operate.deployment import Deployment
from operate.errors import InputError
from operate.place import Place
from operate.upload import refine_again

DEPLOYED = Deployment(Place("local"), {"RawBucket": "raw"})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="raw")
        client.put_bucket_versioning(Bucket="raw", VersioningConfiguration={"Status": "Enabled"})
        yield client


def test_every_raw_file_becomes_a_new_version_of_itself(s3: Any) -> None:
    bodies = {"incoming/a.jsonl": b"one", "incoming/b.jsonl.gz": b"x" * 9_000_000}  # in parts
    before = {key: s3.put_object(Bucket="raw", Key=key, Body=body) for key, body in bodies.items()}
    s3.put_object(Bucket="raw", Key="elsewhere/c.jsonl", Body=b"not raw")
    assert refine_again(DEPLOYED) == 2
    versions = s3.list_object_versions(Bucket="raw")["Versions"]
    assert len(versions) == 5
    for key, body in bodies.items():
        now = s3.get_object(Bucket="raw", Key=key)
        assert now["Body"].read() == body
        assert now["VersionId"] != before[key]["VersionId"]


def test_where_nothing_was_uploaded_it_says_so(s3: Any) -> None:
    with pytest.raises(InputError, match="holds no raw file: upload one first"):
        refine_again(DEPLOYED)
