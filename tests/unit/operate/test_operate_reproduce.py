"""From a request_id to the model, the rows and the commit that its answer was made of."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambdas.contract import keys, outputs
from lambdas.ports import models
from operate.errors import InputError, OperateError
from operate.reproduce import reproduce
from tests.unit.operate.conftest import CURATED, GROUP, MODELS, Aws, version_metadata
from tests.unit.operate.test_operate_loop import EVALUATION

OBSERVATIONS = "observations"
MANIFEST = json.dumps([{"prefix": f"s3://{CURATED}/"}, "reviews/a/1.parquet"]).encode()
ID, DAY = "0b6e-41", "2026-03-14"


def model() -> bytes:
    """A model.tar.gz, as far as its settings are read of it."""
    content = json.dumps({"version": "0a1b", "configuration": {"folds": 3, "alpha": 1e-06}})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("model.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content.encode()))
    return archive.getvalue()


@pytest.fixture
def package(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> str:
    """Version 1 with its model, its dataset and one Parquet object of rows."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=OBSERVATIONS)
    aws.deployment.outputs[outputs.OBSERVATIONS_BUCKET] = OBSERVATIONS
    record = {"counts": {"kept": 3}, "sources": [], "detector": "x"}
    for bucket, key, body in (
        (MODELS, "m.tar.gz", model()),
        (MODELS, "e.json", json.dumps(EVALUATION).encode()),
        (CURATED, "datasets/d1/manifest.json", MANIFEST),
        (CURATED, keys.dataset("d1"), json.dumps(record).encode()),
        (CURATED, "reviews/a/1.parquet", b"rows"),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    metadata = version_metadata(MANIFEST)
    made = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties=metadata,
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{MODELS}/m.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    arn = str(made["ModelPackageArn"])
    endpoint = models.EndpointState("InService", "config-1", "")
    monkeypatch.setattr(models, "served_package", lambda name: (endpoint, arn))
    return arn


def observed(aws: Aws, package: str, hour: str, **more: Any) -> None:
    """One kept answer, in the object of an hour."""
    record = {
        "request_id": ID, "index": 0, "time": f"{DAY}T10:00:00Z", "stars": 4, "topics": [0.5],
        "model_package_arn": package,
    }  # fmt: skip
    aws.client("s3").put_object(
        Bucket=OBSERVATIONS,
        Key=f"predictions/{hour}/{more.get('index', 0)}",
        Body=json.dumps(record | more).encode() + b"\n",
    )


def test_all_that_an_answer_was_made_of_is_fetched(aws: Aws, package: str, tmp_path: Path) -> None:
    observed(aws, package, "2026/03/14/09", index=1)
    observed(aws, package, "2026/03/14/10", text="private words")
    observed(aws, package, "2026/03/14/11", request_id="another", text=f'about "{ID}"')
    found = reproduce(aws.deployment, ID, DAY, tmp_path / "out")
    assert [one["index"] for one in found["answers"]] == [0, 1]
    assert "private words" not in json.dumps(found)
    folder = tmp_path / "out" / "version-1"
    stored = aws.client("s3").get_object(Bucket=MODELS, Key="m.tar.gz")["Body"].read()
    assert (folder / "model" / "model.tar.gz").read_bytes() == stored
    settings = yaml.safe_load((folder / "configuration.yaml").read_text())
    assert settings == {"folds": 3, "alpha": 1e-06}
    assert (folder / "rows" / "reviews" / "a" / "1.parquet").read_bytes() == b"rows"
    assert json.loads((folder / "lineage.json").read_text())["code"]["git_commit"] == "c0ffee"
    assert len((folder / "observations.jsonl").read_text().splitlines()) == 2
    assert found["versions"]["1"]["parquet_objects"] == 1


@pytest.mark.parametrize("hour", ["2026/03/13/23", "2026/03/14/00", "2026/03/15/01"])
def test_an_answer_at_the_edge_of_the_day_is_found(
    aws: Aws, package: str, tmp_path: Path, hour: str
) -> None:
    observed(aws, package, hour)
    assert len(reproduce(aws.deployment, ID, DAY, tmp_path / "out")["answers"]) == 1


@pytest.mark.parametrize("hour", ["2026/03/13/22", "2026/03/15/02", "2026/04/14/10"])
def test_another_day_is_not_searched(aws: Aws, package: str, tmp_path: Path, hour: str) -> None:
    observed(aws, package, hour)
    with pytest.raises(InputError, match="no observation of 2026-03-14"):
        reproduce(aws.deployment, ID, DAY, tmp_path / "out")


@pytest.mark.parametrize("day", ["14 March", "2026-02-30", ""])
def test_what_is_no_day_is_refused(aws: Aws, package: str, tmp_path: Path, day: str) -> None:
    with pytest.raises(InputError, match="is no day"):
        reproduce(aws.deployment, ID, day, tmp_path / "out")


def test_a_folder_with_something_in_it_is_left_as_it_is(
    aws: Aws, package: str, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InputError, match="is not empty"):
        reproduce(aws.deployment, ID, DAY, tmp_path)


def test_rows_that_were_taken_back_are_said_and_the_model_is_there(
    aws: Aws, package: str, tmp_path: Path
) -> None:
    observed(aws, package, "2026/03/14/10")
    aws.client("s3").delete_object(Bucket=CURATED, Key="reviews/a/1.parquet")
    with pytest.raises(
        OperateError, match=r"1\.parquet, rows that the model learned from, is gone"
    ):
        reproduce(aws.deployment, ID, DAY, tmp_path / "out")
    assert (tmp_path / "out" / "version-1" / "model" / "model.tar.gz").is_file()
