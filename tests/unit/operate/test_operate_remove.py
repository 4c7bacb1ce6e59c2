"""A raw file that is taken back: what goes, what stays, what is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.contract import keys
from lambdas.ports.models import Package
from lambdas.preprocess.source import RawSource, parquet_key, rejected_key, result_key
from operate import remove
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.follow import Finished
from operate.place import Place
from tests.pretended_aws import client as client_of
from tests.pretended_aws import mock_aws

WHEN = datetime(2026, 11, 24, tzinfo=UTC)
KEY, OTHER = "incoming/a.jsonl", "incoming/a.jsonl.gz"  # one begins as the other
DEPLOYED = Deployment(
    Place("local"),
    {
        "RawBucket": "raw",
        "CuratedBucket": "curated",
        "PreprocessMachineArn": "arn:aws:states:us-east-1:1:stateMachine:preprocess",
        "ModelPackageGroup": "group",
    },
)


class Stage:
    """Two buckets, a machine that lists a dataset, and models."""

    def __init__(self, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s3 = s3
        self.events: list[dict[str, Any]] = []
        self.ends = Finished("arn", "SUCCEEDED", {}, "", "")
        monkeypatch.setattr(remove.machines, "start", self._start)
        monkeypatch.setattr(remove.follow, "finished", lambda *_: self.ends)
        datasets = {3: "second", 2: "first", 1: "old"}
        packages = [
            Package(
                "arn",
                n,
                "Completed",
                "Approved",
                datetime.now(UTC),
                "group",
                "",
                {"dataset_id": id},
            )
            for n, id in datasets.items()
        ]
        monkeypatch.setattr(remove.models, "packages", lambda group: packages)
        for id, listed in {"second": [KEY, OTHER], "first": [KEY]}.items():
            record = {"sources": [{"key": key} for key in listed]}
            self.put("curated", keys.dataset(id), json.dumps(record).encode())

    def _start(self, arn: str, event: dict[str, Any]) -> str:
        self.events.append(event)
        self.put("curated", keys.dataset("third"), b'{"sources": []}')
        return "arn"

    def put(self, bucket: str, key: str, body: bytes = b"x") -> str:
        return str(self.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"])

    def made_of(self, key: str, version: str) -> list[str]:
        source = RawSource("raw", key, version)
        made = [fn(source.id, 0) for fn in (parquet_key, rejected_key, result_key)]
        for name in (*made, source.record_key):
            self.put("curated", name)
        return made

    def left(self, bucket: str) -> set[str]:
        found = self.s3.list_object_versions(Bucket=bucket)
        return {i["Key"] for kind in ("Versions", "DeleteMarkers") for i in found.get(kind, [])}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = client_of("s3")
        for bucket in ("raw", "curated"):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        yield Stage(client, monkeypatch)


@pytest.mark.parametrize("name", ["a.jsonl", KEY])
def test_a_file_goes_with_all_that_was_made_of_it(stage: Stage, name: str) -> None:
    gone = [key for _ in range(2) for key in stage.made_of(KEY, stage.put("raw", KEY))]
    kept = stage.made_of(OTHER, stage.put("raw", OTHER))
    removed = remove.remove(DEPLOYED, name)
    assert stage.left("raw") == {OTHER}
    assert not stage.left("curated") & set(gone)
    assert set(kept) <= stage.left("curated")
    (event,) = stage.events
    assert (event["key"], event["removed"]) == (KEY, "Delete Marker Created")
    said = remove.describe(removed)
    assert "incoming/a.jsonl is removed, 9 object versions for good" in said
    assert "dataset third is without it" in said
    assert "version 3, 2 learned from it" in said
    with pytest.raises(InputError, match="there is no raw file"):
        remove.remove(DEPLOYED, name)


@pytest.mark.parametrize(
    ("confirmed", "typed", "goes"),
    [
        ("", None, False),
        ("", "", False),
        ("b.jsonl", "a.jsonl", False),
        ("", "a.jsonl", True),
        ("a.jsonl", None, True),
        (KEY, None, True),
    ],
)
def test_a_stage_on_aws_wants_the_name_once_more(
    stage: Stage, confirmed: str, typed: str | None, goes: bool
) -> None:
    stage.put("raw", KEY)
    there = Deployment(Place("dev"), dict(DEPLOYED.outputs))
    ask = None if typed is None else lambda question: typed
    if goes:
        remove.remove(there, "a.jsonl", confirmed=confirmed, ask=ask)
    else:
        with pytest.raises(
            InputError, match=r"nothing was deleted: .*FILE=a\.jsonl CONFIRM=a\.jsonl"
        ):
            remove.remove(there, "a.jsonl", confirmed=confirmed, ask=ask)
    assert stage.left("raw") == (set() if goes else {KEY})


def test_where_no_dataset_could_be_listed_nothing_is_deleted_for_good(stage: Stage) -> None:
    made = stage.made_of(KEY, stage.put("raw", KEY))
    stage.ends = Finished("arn", "FAILED", {}, "Error", "no permission")
    with pytest.raises(OperateError, match="no dataset was listed: no permission"):
        remove.remove(DEPLOYED, KEY)
    assert set(made) <= stage.left("curated")
    assert KEY in stage.left("raw")


def test_a_file_that_was_deleted_before_can_still_be_taken_back(stage: Stage) -> None:
    stage.made_of(KEY, stage.put("raw", KEY))
    stage.s3.delete_object(Bucket="raw", Key=KEY)
    stage.put("curated", keys.dataset("third"), b'{"sources": []}')
    said = remove.describe(remove.remove(DEPLOYED, KEY))
    assert "no dataset listed it" in said
    assert stage.left("raw") == set()


def test_a_name_that_nobody_knows_is_answered_with_those_there_are(stage: Stage) -> None:
    stage.put("raw", OTHER)
    with pytest.raises(InputError, match=r"no raw file incoming/b: known are a\.jsonl\.gz"):
        remove.remove(DEPLOYED, "b")
    with pytest.raises(InputError, match="there is no raw file"):
        remove.remove(DEPLOYED, "")  # make remove without FILE=
    assert stage.events == []


def test_what_no_model_learned_from_is_said() -> None:
    assert remove.describe(remove.Removed(KEY, "d", 1, [])).endswith("no model learned from it")
