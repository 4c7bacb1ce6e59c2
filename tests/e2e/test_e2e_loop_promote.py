"""A model goes from the account that trained it to another one, and is released there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.conftest import ROOT, Running

pytestmark = pytest.mark.e2e
ACCOUNT, STAGE = "222222222222", "twin"
PROMOTER = f"arn:aws:iam::{ACCOUNT}:role/review-stars-{STAGE}-promoter-us-east-1"
SECONDS = 420
SHARED = (".venv", "node_modules", ".local/node", ".local/venvs")


@dataclass(frozen=True)
class Twin:
    """A checkout with one stage more, whose account is another one of the same local cloud."""

    tree: Path
    running: Running

    def variables(self) -> dict[str, str]:
        """What a shell has that is signed in to the other account, as its root."""
        cloud = json.loads((self.running.home / "cloud.json").read_text())
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "AWS_ENDPOINT_URL": cloud["endpoint_url"],
            "AWS_CA_BUNDLE": cloud["ca_bundle"],
            "NODE_EXTRA_CA_CERTS": cloud["ca_bundle"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    def say(self, *words: str, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """Run `python WORDS` in the checkout; returns what it said."""
        done = subprocess.run(
            [str(self.tree / ".venv/bin/python"), *words],
            cwd=self.tree,
            env={**self.variables(), **(more or {})},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said[-4000:]
        return said

    def operate(self, command: str, *words: str, code: int = 0) -> str:
        return self.say("-m", "operate", command, "--stage", STAGE, *words, code=code)

    def promote(self, code: int = 0) -> str:
        """From the cloud's own account, under the role that the other stage gives its promoters."""
        words = ("--from", "local", "--to", STAGE, "--home", str(self.running.home))
        return self.say("-m", "operate", "promote", *words, code=code, more=self.promoter())

    def promoter(self) -> dict[str, str]:
        made = self.client("sts").assume_role(RoleArn=PROMOTER, RoleSessionName="ci")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
            "AWS_SESSION_TOKEN": made["SessionToken"],
        }

    def client(self, service: str, session: Mapping[str, str] | None = None) -> Any:
        variables = {**self.variables(), **(session or {})}
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            verify=variables["AWS_CA_BUNDLE"],
            region_name="us-east-1",
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=variables.get("AWS_SESSION_TOKEN"),
            config=Config(user_agent="tests"),
        )


def checkout(tree: Path) -> None:
    """Our files as they are here, with what setup has installed, and the file of the stage."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("no git repository here")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    for name in SHARED:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(ROOT / name)
    settings = yaml.safe_load((ROOT / "configs" / "local.yaml").read_text())
    settings["account"] = ACCOUNT
    settings["learning"] |= {
        "image_uri": settings["learning"]["image_uri"].replace("000000000000", ACCOUNT),
        "approve": "manual",
        "promoter_principals": [f"arn:aws:iam::{ACCOUNT}:root"],
        "tracking_uri": "",
    }
    (tree / "configs" / f"{STAGE}.yaml").write_text(yaml.safe_dump(settings))


@pytest.fixture(scope="module")
def twin(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Twin:
    tree = tmp_path_factory.mktemp("tree")
    checkout(tree)
    made = Twin(tree, running)
    made.say("-m", "infra.packaging.build", "--stage", STAGE)
    policy = "arn:aws:iam::aws:policy/AdministratorAccess"
    account = f"aws://{ACCOUNT}/us-east-1"
    made.operate("cdk", "bootstrap", account, "--cloudformation-execution-policies", policy)
    made.operate("cdk", "deploy", "--all", "--require-approval", "never")
    return made


def test_a_package_goes_to_the_other_account_and_waits_there(twin: Twin) -> None:
    said = twin.promote()
    assert f"is version 1 of {STAGE}, and waits: make release STAGE={STAGE} VERSION=1" in said
    assert f"is version 1 of {STAGE} already (PendingManualApproval)" in twin.promote()


def test_who_promotes_cannot_approve(twin: Twin) -> None:
    sagemaker = twin.client("sagemaker", twin.promoter())
    arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package/review-stars-{STAGE}/1"
    known = sagemaker.describe_model_package(ModelPackageName=arn)
    assert known["ModelApprovalStatus"] == "PendingManualApproval"
    with pytest.raises(ClientError, match="AccessDenied"):
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    with pytest.raises(ClientError, match="AccessDenied"):
        sagemaker.create_model_package(
            ModelPackageGroupName=known["ModelPackageGroupName"],
            InferenceSpecification=known["InferenceSpecification"],
            ModelApprovalStatus="Approved",
        )


def test_it_is_released_there_and_leads_back_to_where_it_was_trained(twin: Twin) -> None:
    assert "version 1 released" in twin.operate("release", "--version", "1")
    found = json.loads(twin.operate("lineage"))
    assert found["serving"]["live"] is True
    assert found["model"]["package"].split(":")[4] == ACCOUNT
    assert found["promoted"]["from"].split(":")[4] == "000000000000"
    assert found["promoted"]["by"].endswith("/ci")
    assert found["dataset"]["counts"]["kept"] > 0
    assert "released" in [release["outcome"] for release in found["releases"]]
    answer = json.loads(twin.operate("ask", "--text", "It stopped working after two days."))
    assert answer["model_version"] == "1"
    assert json.loads(twin.operate("drift"))["verdict"] == "insufficient"


def test_a_look_at_the_stage_and_its_smoke_test_tell_how_it_stands(twin: Twin) -> None:
    outputs = twin.tree / ".local" / "outputs" / f"{STAGE}.json"
    words = ("deploy", "--all", "--require-approval", "never", "--outputs-file", str(outputs))
    twin.operate("cdk", *words)
    assert "version 1 answers: " in twin.operate("smoke")
    said = twin.operate("watch", "--file", "look.json")
    assert "version 1 is live" in said
    found = json.loads((twin.tree / "look.json").read_text())
    looked = {finding["name"]: finding["well"] for finding in found["findings"]}
    assert looked["drift"] is looked["queues"] is looked["model"] is True
    assert looked["packages"] is False  # a copy without history, which it says
    assert found["well"] is False
