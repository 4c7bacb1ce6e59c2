"""A stage on a pretended AWS: its outputs, its live record, its packages, its machines."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lambdas.contract import outputs
from lambdas.contract import packages as registry
from lambdas.ports import clients, machines
from lambdas.ports.machines import Described
from operate import signals, source
from operate.deployment import Deployment
from operate.place import Place
from tests import pretended_aws

ACCOUNT = "123456789012"  # moto's
REGION = "us-east-1"
MODELS, CURATED, RAW = "models", "curated", "raw"
GROUP = "review-stars-dev"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"


@dataclass
class Aws:
    """Clients of the pretended account, and a deployment of the stage dev in it."""

    deployment: Deployment
    machines: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = pretended_aws.client(service, region_name=REGION)
        return self.clients[service]

    def register(self, approval: str = "Approved", **metadata: str) -> str:
        """One more version in the registry; returns its ARN."""
        made = self.client("sagemaker").create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus=approval,
            CustomerMetadataProperties=metadata,
        )
        return str(made["ModelPackageArn"])

    def go_live(self, package_arn: str, when: str) -> None:
        """The live record, and the release that is told below releases/."""
        self.client("ssm").put_parameter(
            Name="/live", Value=package_arn, Type="String", Overwrite=True
        )
        record = {"model_package_arn": package_arn, "outcome": "released"}
        self.client("s3").put_object(
            Bucket=MODELS, Key=f"releases/{when}.json", Body=json.dumps(record).encode()
        )

    def started(self, machine: str) -> list[dict[str, Any]]:
        """The inputs of the executions of a machine, oldest first."""
        states = self.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.machines[machine])["executions"]
        found = [states.describe_execution(executionArn=item["executionArn"]) for item in listed]
        return [json.loads(item["input"]) for item in sorted(found, key=lambda i: i["startDate"])]


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """A command's handlers of signals end with the test."""
    before = {number: signal.getsignal(number) for number in signals.NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without a file writes 10,000 reviews first, which no test of a command reads."""
    monkeypatch.setattr(source, "SAMPLE_ROWS", 100)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, REGION)
    # moto runs no state machine: here each execution has ended as soon as it is looked at.
    monkeypatch.setattr(
        machines,
        "describe",
        lambda arn: Described(arn, "SUCCEEDED", '{"message": "done"}', None, None),
    )
    monkeypatch.setattr(clients, "_make", pretended_aws.client)
    clients.client.cache_clear()
    with pretended_aws.mock_aws():
        made = Aws(Deployment(Place("dev"), {}))
        for bucket in (MODELS, CURATED, RAW):
            made.client("s3").create_bucket(Bucket=bucket)
        made.client("ssm").put_parameter(Name="/live", Value="none", Type="String")
        made.client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
        for name in ("preprocess", "learn", "release"):
            definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
            machine = made.client("stepfunctions").create_state_machine(
                name=name, definition=json.dumps(definition), roleArn=ROLE
            )
            made.machines[name] = machine["stateMachineArn"]
        inbox = made.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
        made.deployment.outputs.update(
            {
                outputs.MODELS_BUCKET: MODELS,
                outputs.CURATED_BUCKET: CURATED,
                outputs.RAW_BUCKET: RAW,
                outputs.LIVE_PARAMETER: "/live",
                outputs.MODEL_PACKAGE_GROUP: GROUP,
                outputs.PREPROCESS_MACHINE_ARN: made.machines["preprocess"],
                outputs.LEARN_MACHINE_ARN: made.machines["learn"],
                outputs.RELEASE_MACHINE_ARN: made.machines["release"],
                outputs.INBOX_URL: inbox,
                outputs.ENDPOINT_NAME: "review-stars-dev",
                outputs.CLIENT_ROLE_ARN: ROLE,
                outputs.PROBE_ROLE_ARN: ROLE,
                outputs.API_ID: "abc",
                outputs.API_STAGE: "v",
            }
        )
        yield made
    clients.client.cache_clear()


def version_metadata(manifest: bytes) -> dict[str, str]:
    """What a version learned from dataset d1, of this manifest, keeps of where it comes from."""
    return {
        registry.DATASET_ID: "d1",
        registry.DATASET_MANIFEST_URI: f"s3://{CURATED}/datasets/d1/manifest.json",
        registry.DATASET_VERSION_ID: "null",
        registry.DATASET_SHA256: hashlib.sha256(manifest).hexdigest(),
        registry.TEXT_RULES: "3",
        registry.GIT_COMMIT: "c0ffee",
        registry.CONFIGURATION_DIGEST: "9f",
        registry.IMAGE_URI: "image",
        registry.RUN_PREFIX: f"s3://{MODELS}/runs/1/",
        registry.EVALUATION_URI: f"s3://{MODELS}/e.json",
        registry.REPORT_URI: "r",
        registry.MODEL_CARD_URI: "m",
        registry.BASELINE_URI: "b",
    }
