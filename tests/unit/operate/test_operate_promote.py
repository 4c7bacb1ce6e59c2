"""A package goes to another account with all that it stands on, once, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambdas.contract import keys, outputs
from lambdas.contract import packages as registry
from lambdas.ports import clients, functions, models, objects
from operate import deployment, evidence, promote
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.lineage import lineage
from operate.place import Place
from reviews.digest import MODEL_FORMAT, digest_manifest
from tests import pretended_aws
from tests.unit.operate.test_operate_loop import EVALUATION

ACCOUNTS = {"dev": "111111111111", "prod": "222222222222"}  # of configs/
IMAGE = "{}.dkr.ecr.us-east-1.amazonaws.com/assets:{}"
PROVENANCE = {
    registry.DATASET_ID: "d1",
    registry.GIT_COMMIT: "c0ffee",
    registry.CONFIGURATION_DIGEST: "9f",
    registry.PROGRAM_DIGEST: "8e",
}
GOLDEN = {"title": "", "text": "Broke.", "verified_purchase": None, "stars": 1,
          "probabilities": [0.6, 0.1, 0.1, 0.1, 0.1]}  # fmt: skip
BASELINE = b'{"rows": 1}'
DATASET = json.dumps({"counts": {"read": 1}, "sources": [{"key": "incoming/a"}]}).encode()
MANIFEST = json.dumps([{"prefix": "s3://curated/"}, "reviews/a.parquet"]).encode()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def archive(
    files: Mapping[str, bytes], *, change: Callable[[dict[str, Any]], None] = lambda content: None
) -> bytes:
    """A model.tar.gz. change: of model.json, once its digests are in it."""
    content = {
        "format": MODEL_FORMAT,
        "provenance": {**PROVENANCE, registry.DATASET_SHA256: sha256(MANIFEST)},
        "files": {name: {"bytes": len(b), "sha256": sha256(b)} for name, b in files.items()},
    }
    content["sha256"] = digest_manifest(content)
    change(content)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, body in {"model.json": msgspec.json.encode(content), **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return packed.getvalue()


PARTS = {"golden.jsonl": json.dumps(GOLDEN).encode(), "baseline/baseline.json": BASELINE}


class Accounts:
    """Two accounts, each with buckets, a group and an image; version 1 in dev is whole."""

    def __init__(self, folder: Path) -> None:
        self.sessions: dict[str, dict[str, str]] = {}
        lines = []
        for stage, account in ACCOUNTS.items():
            made = pretended_aws.client("sts", region_name="us-east-1").assume_role(
                RoleArn=f"arn:aws:iam::{account}:role/me", RoleSessionName=stage
            )["Credentials"]
            self.sessions[stage] = {
                "aws_access_key_id": made["AccessKeyId"],
                "aws_secret_access_key": made["SecretAccessKey"],
                "aws_session_token": made["SessionToken"],
            }
            lines += [f"[{stage}]", *(f"{k}={v}" for k, v in self.sessions[stage].items())]
        self.credentials = folder / "credentials"
        self.credentials.write_text("\n".join(lines))
        for stage in ACCOUNTS:
            for kind in ("models", "curated"):
                s3 = self.client(stage, "s3")
                s3.create_bucket(Bucket=f"{stage}-{kind}")
                s3.put_bucket_versioning(
                    Bucket=f"{stage}-{kind}", VersioningConfiguration={"Status": "Enabled"}
                )
            self.client(stage, "sagemaker").create_model_package_group(
                ModelPackageGroupName=f"review-stars-{stage}"
            )
            kms = self.client(stage, "kms")
            key = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]
            alias = f"alias/review-stars-{stage}-signing"
            kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
        self.images = {stage: IMAGE.format(ACCOUNTS[stage], "content") for stage in ACCOUNTS}
        self.put("curated", "datasets/d1/dataset.json", DATASET)
        self.manifest_version = self.put("curated", "datasets/d1/manifest.json", MANIFEST)
        self.write_run()
        self.source_arn = self.register()

    def client(self, stage: str, service: str) -> Any:
        return pretended_aws.client(
            service,
            region_name="us-east-1",
            **self.sessions[stage],  # type: ignore[arg-type]
        )

    def put(self, kind: str, key: str, body: bytes) -> str:
        answer = self.client("dev", "s3").put_object(Bucket=f"dev-{kind}", Key=key, Body=body)
        return str(answer["VersionId"])

    def write_run(self, **changed: bytes) -> None:
        """The folder of the run; changed: other bytes of model, evaluation or baseline."""
        provenance = {**PROVENANCE, registry.DATASET_SHA256: sha256(MANIFEST)}
        evaluation = json.dumps({**EVALUATION, "provenance": provenance}).encode()
        self.put("models", "runs/1/model/x/model.tar.gz", changed.get("model", archive(PARTS)))
        judged = {
            "evaluation.json": changed.get("evaluation", evaluation),
            "report.html": b"<html>",
            "model_card.md": b"# card",
            "model_card.json": b"{}",
            "baseline/baseline.json": changed.get("baseline", BASELINE),
        }
        for name, body in judged.items():
            self.put("models", f"runs/1/evaluation/{name}", body)
        self.put("models", "runs/1/tracking/tracking.json", b'{"sent": true}')

    def register(self, approval: str = registry.APPROVED, **metadata: str) -> str:
        made = self.client("dev", "sagemaker").create_model_package(
            ModelPackageGroupName="review-stars-dev",
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": self.images["dev"],
                        "ModelDataUrl": "s3://dev-models/runs/1/model/x/model.tar.gz",
                    }
                ],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={
                **PROVENANCE,
                registry.DATASET_MANIFEST_URI: "s3://dev-curated/datasets/d1/manifest.json",
                registry.DATASET_VERSION_ID: self.manifest_version,
                registry.DATASET_SHA256: sha256(MANIFEST),
                registry.TEXT_RULES: "3",
                registry.IMAGE_URI: self.images["dev"],
                registry.RUN_PREFIX: "s3://dev-models/runs/1",
                registry.EVALUATION_PREFIX: "s3://dev-models/runs/1/evaluation",
                registry.EVALUATION_URI: "s3://dev-models/runs/1/evaluation/evaluation.json",
                **metadata,
            },
        )
        return str(made["ModelPackageArn"])

    def outputs(self, stage: str) -> dict[str, str]:
        return {
            outputs.MODELS_BUCKET: f"{stage}-models",
            outputs.CURATED_BUCKET: f"{stage}-curated",
            outputs.MODEL_PACKAGE_GROUP: f"review-stars-{stage}",
            outputs.IMAGE_URI: self.images[stage],
            outputs.ENDPOINT_NAME: f"review-stars-{stage}",
            outputs.SIGN_FUNCTION: f"sign-{stage}",
        }

    def place(self, stage: str) -> Place:
        shell = {
            "PATH": os.defpath,
            "AWS_ACCESS_KEY_ID": "of the shell",  # which a profile has to take the place of
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
        }
        return Place(stage, shell=shell, profile=stage)

    def sign(self, function: str, event: dict[str, Any]) -> dict[str, str]:
        """What the signing function of prod leaves, as far as a promotion sees it."""
        assert function == "sign-prod"
        assert json.loads(objects.read_uri(event["evaluation_uri"]))["gate"]["passed"]
        body = objects.read_uri(event["model_uri"])
        objects.put_bytes(*objects.split_uri(event["signed_uri"]), body)
        return {"model_uri": event["signed_uri"], "signing_key": "f1"}

    def promote(self, wanted: str = "1") -> promote.Promoted:
        return promote.promote(self.place("dev"), self.place("prod"), wanted)

    def promoted(self) -> list[str]:
        """The ARNs of the packages in prod."""
        listed = self.client("prod", "sagemaker").list_model_packages(
            ModelPackageGroupName="review-stars-prod"
        )
        return [item["ModelPackageArn"] for item in listed["ModelPackageSummaryList"]]


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounts]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(clients, "_make", pretended_aws.client)
    with pretended_aws.mock_aws():
        made = Accounts(tmp_path)
        monkeypatch.setattr(
            deployment, "read", lambda place: Deployment(place, made.outputs(place.stage))
        )
        monkeypatch.setattr(functions, "invoke", made.sign)
        yield made
    os.environ.clear()
    os.environ.update(before)
    clients.forget()


def test_a_package_arrives_with_its_evidence_and_waits(accounts: Accounts) -> None:
    done = accounts.promote()
    assert done.is_new
    package = done.package
    assert package.arn.startswith("arn:aws:sagemaker:us-east-1:222222222222:")
    assert package.approval == registry.PENDING
    assert package.metadata[registry.PROMOTED_FROM] == accounts.source_arn
    assert package.metadata[registry.IMAGE_URI] == accounts.images["prod"]
    assert package.metadata[registry.SIGNING_KEY] == "f1"
    assert package.model_data_url.endswith("/signed/model.tar.gz")
    assert "dev" not in package.model_data_url.replace("111111111111-dev-1", "")
    found = accounts.client("prod", "s3").list_objects_v2(Bucket="prod-models")["Contents"]
    prefix = package.metadata[registry.RUN_PREFIX].removeprefix("s3://prod-models/")
    assert prefix.startswith(keys.PROMOTED)
    assert sorted(item["Key"].removeprefix(f"{prefix}/") for item in found) == [
        "dataset/dataset.json",
        "dataset/manifest.json",
        "evaluation/baseline/baseline.json",
        "evaluation/evaluation.json",
        "evaluation/model_card.json",
        "evaluation/model_card.md",
        "evaluation/report.html",
        "model/model.tar.gz",
        "promotion.json",
        "signed/model.tar.gz",
        "tracking/tracking.json",
    ]


def test_every_address_of_the_new_package_leads_to_what_the_old_one_led_to(
    accounts: Accounts,
) -> None:
    package = accounts.promote().package
    s3 = accounts.client("prod", "s3")
    addresses = [v for v in package.metadata.values() if v.startswith("s3://")]
    assert len(addresses) == 7
    for uri in [*addresses, package.model_data_url]:
        bucket, key = objects.split_uri(uri)
        assert bucket == "prod-models"
        assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] >= 1, uri
    body = s3.get_object(
        Bucket="prod-models",
        Key=objects.split_uri(package.metadata[registry.DATASET_MANIFEST_URI])[1],
        VersionId=package.metadata[registry.DATASET_VERSION_ID],
    )["Body"].read()
    assert sha256(body) == package.metadata[registry.DATASET_SHA256]


def test_lineage_leads_back_to_the_first_account(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.promote()

    def absent(name: str) -> None:
        raise FileNotFoundError(name)

    monkeypatch.setattr(models, "served_package", absent)
    found = lineage(deployment.read(accounts.place("prod")), "1")
    assert found["promoted"]["from"] == accounts.source_arn
    assert found["promoted"]["account"] == "111111111111"
    assert ":assumed-role/me/prod" in found["promoted"]["by"]
    assert found["promoted"]["metadata"][registry.RUN_PREFIX] == "s3://dev-models/runs/1"
    assert found["dataset"]["sources"] == [{"key": "incoming/a"}]
    assert found["run"]["tracking"] == {"sent": True}


def test_what_is_promoted_twice_is_there_once(accounts: Accounts) -> None:
    first = accounts.promote()
    again = accounts.promote(accounts.source_arn)
    assert (again.is_new, again.package.arn) == (False, first.package.arn)
    assert accounts.promoted() == [first.package.arn]
    said = promote.describe_promotion(again, accounts.place("dev"), accounts.place("prod"))
    assert said == (
        "version 1 of dev is version 1 of prod already (PendingManualApproval): nothing was changed"
    )


class StopError(Exception):
    """The process ends here."""


def test_one_that_is_stopped_anywhere_registers_nothing_and_ends_the_next_time(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, written = objects.put_bytes, []
    writes = 11
    for last in range(writes):

        def stopped(*what: Any, at: int = last) -> str:
            if len(written) == at:
                raise StopError
            written.append(what[1])
            return put(*what)

        written.clear()
        monkeypatch.setattr(objects, "put_bytes", stopped)
        with pytest.raises(StopError):
            accounts.promote()
        assert accounts.promoted() == []
    monkeypatch.setattr(objects, "put_bytes", put)
    register = models.register
    monkeypatch.setattr(models, "register", lambda wanted: (_ for _ in ()).throw(StopError))
    with pytest.raises(StopError):
        accounts.promote()
    assert accounts.promoted() == []
    monkeypatch.setattr(models, "register", register)
    assert accounts.promote().is_new
    assert len(accounts.promoted()) == 1
    listed = accounts.client("prod", "s3").list_objects_v2(Bucket="prod-models")
    assert listed["KeyCount"] == writes  # the same places each time


def test_a_signature_that_does_not_hold_goes_nowhere(accounts: Accounts) -> None:
    accounts.write_run(model=archive({**PARTS, "model.sig": b"{}"}))
    with pytest.raises(OperateError, match=r"not promoted: model\.sig is no signature"):
        accounts.promote()
    assert accounts.promoted() == []


def test_an_unsigned_model_goes_nowhere_from_a_stage_that_asks_for_a_signature(
    accounts: Accounts,
) -> None:
    package = models.Package("arn", 1, "", "", datetime.now(UTC), "g", "s3://m", {})
    found = evidence.Evidence(package, {}, {evidence.MODEL: archive(PARTS)})
    accounts.place("prod").enter()
    with pytest.raises(OperateError, match=r"not promoted: the model is not signed"):
        promote._check_signature(accounts.place("prod"), found)


def edited(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update(values)


def of_format(content: dict[str, Any]) -> None:
    content["format"] = "review-stars model 1"
    content["sha256"] = digest_manifest(content)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (archive(PARTS, change=edited(family="other")), "model.json of .* is not as it was"),
        (archive(PARTS, change=of_format), "is of format 'review-stars model 1', and this"),
        (archive({**PARTS, "golden.jsonl": b""}), "has no golden set"),
        (archive({**PARTS, "golden.jsonl": b"{"}), "holds no model.json and golden.jsonl"),
        (b"no archive", "is no archive of a model"),
        (archive(PARTS)[:-60], "is no archive of a model"),
    ],
)
def test_a_model_that_is_not_as_it_was_written_stays(
    accounts: Accounts, model: bytes, sentence: str
) -> None:
    accounts.write_run(model=model)
    with pytest.raises(OperateError, match=sentence):
        accounts.promote()
    assert accounts.promoted() == []


def other_evaluation(**values: Any) -> bytes:
    provenance = {**PROVENANCE, registry.DATASET_SHA256: sha256(MANIFEST)}
    return json.dumps({**EVALUATION, "provenance": provenance, **values}).encode()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"baseline": b"{}"}, "evaluation/baseline/baseline.json is not as it was written"),
        (
            {"evaluation": other_evaluation(gate={"passed": False, "message": "ece is 0.2"})},
            "version 1 has failed its gate: ece is 0.2",
        ),
        (
            {"evaluation": other_evaluation(provenance={"dataset_id": "d0"})},
            "judges another model than that of version 1",
        ),
        ({"evaluation": b"{"}, "is no evaluation"),
    ],
)
def test_evidence_of_another_model_is_none(
    accounts: Accounts, changed: dict[str, bytes], sentence: str
) -> None:
    accounts.write_run(**changed)
    with pytest.raises(OperateError, match=sentence):
        accounts.promote()


@pytest.mark.parametrize(
    ("approval", "metadata", "sentence"),
    [
        (registry.PENDING, {}, "version 2 is PendingManualApproval and Completed: only one"),
        ("Rejected", {}, "version 2 is Rejected"),
        ("Approved", {registry.DATASET_SHA256: "0" * 64}, "manifest.json is not as it was"),
        ("Approved", {registry.GIT_COMMIT: "bad"}, "of git_commit bad, and the model in it of c0"),
        ("Approved", {registry.PROGRAM_DIGEST: "7"}, "of program_digest 7, and the model in it"),
        (
            "Approved",
            {registry.RUN_PREFIX: "s3://dev-models/runs/1",
             registry.EVALUATION_URI: "s3://dev-models/runs/2/evaluation/evaluation.json"},
            "version 2 has no evaluation",
        ),
        (
            "Approved",
            {registry.DATASET_MANIFEST_URI: "s3://dev-curated/datasets/d2/manifest.json"},
            "stage dev: s3://dev-curated/datasets/d2/manifest.json is gone, or was never written",
        ),
    ],
)  # fmt: skip
def test_a_package_that_may_not_go_stays(
    accounts: Accounts, approval: str, metadata: dict[str, str], sentence: str
) -> None:
    accounts.register(approval, **metadata)
    with pytest.raises(OperateError, match=sentence):
        accounts.promote("2")
    assert accounts.promoted() == []


def test_an_image_that_the_target_has_not_is_named_with_its_commit(accounts: Accounts) -> None:
    accounts.images["prod"] = IMAGE.format(ACCOUNTS["prod"], "older")
    with pytest.raises(OperateError, match=r"no image of that content .* \(c0ffee; make deploy"):
        accounts.promote()


def test_an_image_of_an_earlier_deploy_is_taken(accounts: Accounts) -> None:
    accounts.images["prod"] = IMAGE.format(ACCOUNTS["prod"], "older")
    ecr = accounts.client("prod", "ecr")
    ecr.create_repository(repositoryName="assets")
    with pytest.raises(OperateError, match="no image of that content"):
        accounts.promote()
    ecr.put_image(
        repositoryName="assets",
        imageManifest="{}",
        imageManifestMediaType="application/vnd.docker.distribution.manifest.v2+json",
        imageTag="content",
    )
    done = accounts.promote()
    assert done.package.metadata[registry.IMAGE_URI] == IMAGE.format(ACCOUNTS["prod"], "content")


def test_a_model_that_was_changed_after_its_promotion_is_another(accounts: Accounts) -> None:
    accounts.promote()
    accounts.write_run(model=archive({**PARTS, "more.txt": b"more"}))
    with pytest.raises(OperateError, match="a model that was changed is a version of its own"):
        accounts.promote()
    assert len(accounts.promoted()) == 1


def test_the_profile_of_another_account_is_refused(accounts: Accounts) -> None:
    other = Place("prod", shell=accounts.place("prod").shell, profile="dev")
    with pytest.raises(OperateError, match="stage prod lives in account 222222222222"):
        promote.promote(accounts.place("dev"), other, "1")


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("7", r"has no version 7: known are 1 \(Approved\)"),
        ("arn:aws:sagemaker:us-east-1:333333333333:model-package/x/1", "is no package of review"),
    ],
)
def test_a_package_that_is_not_there_is_refused(
    accounts: Accounts, wanted: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        accounts.promote(wanted)


def test_a_stage_is_not_promoted_to_itself(accounts: Accounts) -> None:
    with pytest.raises(InputError, match="name another stage"):
        promote.promote(accounts.place("dev"), accounts.place("dev"), "1")
