"""Raw files that are put into the bucket, for the first time and again."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from operate.deployment import Deployment
from operate.errors import InputError
from operate.place import Place
from operate.upload import refine_again, upload
from tests.pretended_aws import client as client_of
from tests.pretended_aws import mock_aws

DEPLOYED = Deployment(Place("local"), {"RawBucket": "raw"})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = client_of("s3")
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


def test_a_file_goes_up_as_it_is_and_a_table_as_lines_under_its_own_name(
    s3: Any, tmp_path: Path
) -> None:
    lines, table, said = tmp_path / "a.jsonl", tmp_path / "b.csv", list[str]()
    lines.write_bytes(b'{"rating": 5, "text": "a"}\n')
    table.write_bytes(b"stars,review\n5,a\n")
    assert upload(DEPLOYED, lines, said.append) == "s3://raw/incoming/a.jsonl"
    assert said == []
    assert upload(DEPLOYED, table, said.append) == "s3://raw/incoming/b.csv.jsonl.gz"
    assert "b.csv → b.csv.jsonl.gz: CSV: comma" in said[0]
    body = s3.get_object(Bucket="raw", Key="incoming/b.csv.jsonl.gz")["Body"].read()
    assert b'"rating":5.0' in gzip.decompress(body)
