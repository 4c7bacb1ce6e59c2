"""From a version to its rows: every link is followed, and one that does not hold is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.contract import keys
from lambdas.ports import models
from operate import batch
from operate.errors import InputError, OperateError
from operate.lineage import lineage
from tests.unit.operate.conftest import CURATED, MODELS, Aws, version_metadata
from tests.unit.operate.test_operate_loop import EVALUATION

MANIFEST = json.dumps([{"prefix": f"s3://{CURATED}/"}, "reviews/a.parquet"]).encode()


@pytest.fixture
def version(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Version 1, with everything that it points to; its metadata."""
    metadata = version_metadata(MANIFEST)
    s3 = aws.client("s3")
    s3.put_object(Bucket=MODELS, Key="e.json", Body=json.dumps(EVALUATION).encode())
    s3.put_object(Bucket=CURATED, Key="datasets/d1/manifest.json", Body=MANIFEST)
    record = {"counts": {"read": 10}, "sources": [{"key": "incoming/a.jsonl"}], "detector": "x"}
    s3.put_object(Bucket=CURATED, Key=keys.dataset("d1"), Body=json.dumps(record).encode())
    package = aws.register(**metadata)
    aws.go_live(package, "2026")
    endpoint = models.EndpointState("InService", "config-1", "")
    monkeypatch.setattr(models, "served_package", lambda name: (endpoint, package))
    return metadata


def put(aws: Aws, key: str, content: Any) -> None:
    aws.client("s3").put_object(Bucket=MODELS, Key=key, Body=json.dumps(content).encode())


def test_the_live_version_leads_to_its_rows(aws: Aws, version: dict[str, str]) -> None:
    put(aws, "runs/1/tracking/tracking.json", {"sent": True})
    found = lineage(aws.deployment)
    assert found["model"]["version"] == 1
    assert found["model"]["registered"].endswith("Z")
    assert found["serving"] == {
        "live": True, "endpoint": "review-stars-dev", "config": "config-1"
    }  # fmt: skip
    assert [release["outcome"] for release in found["releases"]] == ["released"]
    assert found["dataset"]["parquet_objects"] == 1
    assert found["dataset"]["sources"] == [{"key": "incoming/a.jsonl"}]
    assert found["run"]["tracking"] == {"sent": True}
    assert found["evaluation"]["accuracy"] == 0.7


def test_a_manifest_that_was_changed_is_no_lineage(aws: Aws, version: dict[str, str]) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=CURATED, Key="datasets/d1/manifest.json", Body=b"[]")
    with pytest.raises(OperateError, match="is not what the model learned from"):
        lineage(aws.deployment, "1")


def test_a_run_that_was_not_tracked_is_said(aws: Aws, version: dict[str, str]) -> None:
    assert lineage(aws.deployment)["run"]["tracking"] == "the run left no tracking.json"


def test_what_serves_instead_is_named(
    aws: Aws, version: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = models.EndpointState("InService", "config-2", "")
    monkeypatch.setattr(models, "served_package", lambda name: (endpoint, "arn:x/2"))
    assert lineage(aws.deployment)["serving"] == {"live": False, "instead": "arn:x/2"}


def test_a_package_without_pointers_says_which(aws: Aws) -> None:
    aws.register()
    with pytest.raises(OperateError, match="has no evaluation_uri in its metadata"):
        lineage(aws.deployment, "1")


@pytest.mark.parametrize(
    ("prefix", "out", "sentence"),
    [
        ("incoming/", "", "batch jobs read predict/ and reviews/"),
        ("predict/nothing", "", "holds no .jsonl"),
        ("predict/", "elsewhere/", "batch jobs write below predictions/"),
    ],
)
def test_batch_jobs_read_and_write_their_own_prefixes(
    aws: Aws, prefix: str, out: str, sentence: str
) -> None:
    aws.client("s3").put_object(Bucket=CURATED, Key="predict/a.jsonl", Body=b"{}")
    with pytest.raises(InputError, match=sentence):
        batch.predict(aws.deployment, prefix, out)


def test_what_was_answered_is_not_asked_again(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=CURATED, Key="predict/a.jsonl", Body=b"{}")
    s3.put_object(Bucket=CURATED, Key="predictions/predict/a.jsonl.jsonl", Body=b"{}")
    aws.go_live(aws.register(), "1")
    assert batch.predict(aws.deployment, "predict/", "") == f"s3://{CURATED}/predictions/predict/"
