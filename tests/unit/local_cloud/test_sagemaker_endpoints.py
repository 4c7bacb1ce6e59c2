"""Endpoints as server processes: health, traffic, rollout, rollback, and a clean end."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud import processes
from local_cloud.sagemaker.runtime import archives
from tests.unit.local_cloud.conftest import ACCOUNT, IMAGE, REGION, Cloud, may, until

pytestmark = pytest.mark.slow  # real processes, started and waited for

MODEL = [may("s3:GetObject"), may("cloudwatch:DescribeAlarms")]
SETTLED = ("InService", "Failed")
AT_ONCE = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
CANARY = {
    "Type": "CANARY",
    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
    "WaitIntervalInSeconds": 100,
}


class Stage:
    """An account with models that say their own names."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.sagemaker = cloud.client("sagemaker")
        self.runtime = cloud.client("sagemaker-runtime")
        cloud.client("s3").create_bucket(Bucket="models")
        self.role = cloud.role("model", "sagemaker", *MODEL)

    def configure(self, name: str, *, archive: bytes | None = None, instances: int = 4) -> str:
        """A model that answers with its name, and a configuration of the same name."""
        body = packed({"parameters": {"name": name}}) if archive is None else archive
        self.cloud.client("s3").put_object(Bucket="models", Key=f"{name}.tar.gz", Body=body)
        self.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://models/{name}.tar.gz"},
            ExecutionRoleArn=self.role,
        )
        variant = {
            "VariantName": "main",
            "ModelName": name,
            "InitialInstanceCount": instances,
            "InstanceType": "ml.m5.large",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    def create(self, config: str) -> dict[str, Any]:
        self.sagemaker.create_endpoint(EndpointName="stars", EndpointConfigName=config)
        return self.settled()

    def update(self, config: str, routing: dict[str, Any], *alarms: str) -> None:
        guards = {"Alarms": [{"AlarmName": name} for name in alarms]}
        self.sagemaker.update_endpoint(
            EndpointName="stars",
            EndpointConfigName=config,
            DeploymentConfig={
                "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
                **({"AutoRollbackConfiguration": guards} if alarms else {}),
            },
        )

    def describe(self) -> dict[str, Any]:
        return dict(self.sagemaker.describe_endpoint(EndpointName="stars"))

    def settled(self) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.describe()
            return found if found["EndpointStatus"] in SETTLED else None

        return dict(until(look, 20))

    def ask(self, body: bytes = b"{}") -> str:
        answer = self.runtime.invoke_endpoint(EndpointName="stars", Body=body)
        return str(answer["Body"].read().decode())

    def alarm(self, name: str, state: str = "OK") -> None:
        """An alarm that hears of nothing by itself."""
        watch = self.cloud.client("cloudwatch")
        watch.put_metric_alarm(
            AlarmName=name,
            Namespace="Test",
            MetricName=name,
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
        if state == "ALARM":
            self.ring(name)

    def ring(self, name: str) -> None:
        self.cloud.client("cloudwatch").put_metric_data(
            Namespace="Test", MetricData=[{"MetricName": name, "Value": 1}]
        )


def packed(document: Any) -> bytes:
    body = json.dumps(document).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("model.json")
        entry.size = len(body)
        archive.addfile(entry, io.BytesIO(body))
    return out.getvalue()


@pytest.fixture
def stage(cloud: Cloud) -> Stage:
    return Stage(cloud)


def test_an_endpoint_answers_once_its_server_is_healthy(stage: Stage, home: Path) -> None:
    received = stage.cloud.inbox("endpoints", {"detail-type": ["SageMaker Endpoint State Change"]})
    assert stage.create(stage.configure("one"))["EndpointStatus"] == "InService"
    assert stage.ask() == "one"
    assert [event["detail"]["EndpointStatus"] for event in received()] == ["Creating", "InService"]
    assert len(list((home / "endpoints").iterdir())) == 1


def test_a_model_that_never_gets_healthy_fails_with_the_end_of_its_log(stage: Stage) -> None:
    found = stage.create(stage.configure("empty", archive=packed_nothing()))
    assert found["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in found["FailureReason"]
    assert "no model to serve" in found["FailureReason"]


def packed_nothing() -> bytes:
    out = io.BytesIO()
    tarfile.open(fileobj=out, mode="w:gz").close()
    return out.getvalue()


def test_a_server_that_is_up_but_sick_fails_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEALTH_SECONDS", "1")
    found = stage.create(stage.configure("sick"))
    assert found["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in found["FailureReason"]


@pytest.mark.parametrize(
    ("archive", "message"), [(b"no archive at all", "cannot unpack the model archive")]
)
def test_a_broken_archive_is_named(stage: Stage, archive: bytes, message: str) -> None:
    assert message in stage.create(stage.configure("broken", archive=archive))["FailureReason"]


def broken(*_: Any, **__: Any) -> Any:
    raise TypeError("a bug of the local cloud")


def test_an_endpoint_whose_creation_breaks_ends_failed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "unpack", broken)
    found = stage.create(stage.configure("one"))
    assert found["EndpointStatus"] == "Failed"
    assert "TypeError: a bug of the local cloud" in found["FailureReason"]
    stage.sagemaker.delete_endpoint(EndpointName="stars")


def test_an_endpoint_whose_update_breaks_goes_on_with_the_old_model(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    stage.create(stage.configure("one"))
    with monkeypatch.context() as patch:
        patch.setattr(archives, "unpack", broken)
        stage.update(stage.configure("two"), AT_ONCE)
        found = stage.settled()
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "one")
    assert "a bug of the local cloud" in found["FailureReason"]
    assert stage.ask() == "one"
    assert len(list((home / "endpoints").iterdir())) == 1
    stage.update("two", AT_ONCE)
    assert (stage.settled()["EndpointConfigName"], stage.ask()) == ("two", "two")


def test_a_configuration_whose_model_is_gone_fails_the_update(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    stage.configure("two")
    stage.sagemaker.delete_model(ModelName="two")
    stage.update("two", AT_ONCE)
    found = stage.settled()
    assert found["EndpointConfigName"] == "one"
    assert "Could not find model" in found["FailureReason"]


def test_a_model_s_role_must_be_allowed_to_read_the_model(stage: Stage) -> None:
    stage.cloud.allow("model", may("cloudwatch:DescribeAlarms"))
    found = stage.create(stage.configure("one"))
    assert "Failed to download model data" in found["FailureReason"]
    assert "s3:GetObject" in found["FailureReason"]


def test_a_canary_takes_its_share_and_then_everything(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    stage.alarm("errors")
    slow = {**CANARY, "WaitIntervalInSeconds": 200}  # 2 s here
    stage.update(stage.configure("two"), slow, "errors")
    until(lambda: "two" in {stage.ask() for _ in range(4)}, 10)
    assert Counter(stage.ask() for _ in range(16)) == {"one": 12, "two": 4}
    assert stage.describe()["EndpointStatus"] == "Updating"
    found = stage.settled()
    assert (found["EndpointConfigName"], stage.ask()) == ("two", "two")
    assert "FailureReason" not in found


def test_an_alarm_ends_the_rollout_in_service_on_the_old_configuration(
    stage: Stage, home: Path
) -> None:
    received = stage.cloud.inbox("endpoints", {"detail-type": ["SageMaker Endpoint State Change"]})
    stage.create(stage.configure("one"))
    stage.alarm("errors")
    stage.update(stage.configure("two"), CANARY, "errors")
    until(lambda: "two" in {stage.ask() for _ in range(4)}, 10)
    stage.ring("errors")
    found = stage.settled()
    assert found["EndpointStatus"] == "InService"  # no failed status tells of it, as on AWS
    assert found["EndpointConfigName"] == "one"
    assert "errors tripped" in found["FailureReason"]
    assert {stage.ask() for _ in range(8)} == {"one"}
    statuses = [event["detail"]["EndpointStatus"] for event in received()]
    assert statuses[-3:] == ["Updating", "RollingBack", "InService"]
    assert len(list((home / "endpoints").iterdir())) == 1  # the new server is gone


def test_a_new_model_that_does_not_come_up_leaves_the_old_one_serving(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    stage.update(stage.configure("empty", archive=packed_nothing()), AT_ONCE)
    found = stage.settled()
    assert (found["EndpointConfigName"], stage.ask()) == ("one", "one")
    assert "ping health check" in found["FailureReason"]


def test_the_model_s_role_must_be_allowed_to_read_the_guardrails(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    stage.alarm("errors")
    stage.cloud.allow("model", may("s3:GetObject"))
    stage.update(stage.configure("two"), AT_ONCE, "errors")
    found = stage.settled()
    assert "cloudwatch:DescribeAlarms" in found["FailureReason"]
    assert found["EndpointConfigName"] == "one"


def test_an_endpoint_is_not_touched_while_it_is_updated(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    stage.update(stage.configure("two"), CANARY)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        stage.update("one", AT_ONCE)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        stage.sagemaker.delete_endpoint(EndpointName="stars")
    stage.settled()


def test_a_failing_model_is_a_model_error_and_is_counted(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    stage.ask()
    with pytest.raises(ClientError) as caught:
        stage.ask(b"fail")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    figures = stage.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[
            {"Name": "EndpointName", "Value": "stars"},
            {"Name": "VariantName", "Value": "main"},
        ],
        StartTime=time.time() - 300,
        EndTime=time.time() + 60,
        Period=600,
        Statistics=["Average", "SampleCount"],
    )["Datapoints"]
    assert [(point["Average"], point["SampleCount"]) for point in figures] == [(0.5, 2.0)]


def test_a_server_that_dies_is_started_again_and_keeps_its_name(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    with pytest.raises(ClientError):
        stage.ask(b"die")
    assert until(lambda: answer(stage)) == "one"


def test_one_that_dies_again_is_over_and_nobody_waits_for_it(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    for _ in range(2):
        with pytest.raises(ClientError):
            stage.ask(b"die")
        until(lambda: answer(stage) or over(stage))
    began = time.monotonic()
    assert over(stage)
    assert time.monotonic() - began < 5  # it would be 15 where it waits for a third start


def over(stage: Stage) -> bool:
    try:
        stage.ask()
    except ClientError as error:
        return "died again" in str(error)
    return False


def answer(stage: Stage) -> str:
    try:
        return stage.ask()
    except ClientError:
        return ""


def test_nobody_answers_for_an_endpoint_that_is_not_there(stage: Stage) -> None:
    with pytest.raises(ClientError, match=f"Endpoint stars of account {ACCOUNT} not found"):
        stage.ask()
    with pytest.raises(ClientError, match="Could not find endpoint"):
        stage.describe()


def test_the_caller_must_be_allowed_to_invoke_this_endpoint(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint"
    caller = stage.cloud.role("caller", "account", may("sagemaker:InvokeEndpoint", on=f"{arn}/x"))
    runtime = stage.cloud.client("sagemaker-runtime", stage.cloud.assume(caller))
    words = json.dumps({"ResourceArn": f"{arn}/x", "EndpointName": "x"}).encode()
    with pytest.raises(ClientError, match=f"on resource: {arn}/stars"):
        runtime.invoke_endpoint(EndpointName="stars", Body=words)
    stage.cloud.allow("caller", may("sagemaker:InvokeEndpoint", on=f"{arn}/stars"))
    assert runtime.invoke_endpoint(EndpointName="stars", Body=words)["Body"].read() == b"one"


def test_a_deleted_endpoint_leaves_no_process_and_no_folder(stage: Stage, home: Path) -> None:
    stage.create(stage.configure("one"))
    assert len(processes.marked(home)) == 2  # the guard and the server
    stage.sagemaker.delete_endpoint(EndpointName="stars")
    until(lambda: not processes.marked(home))
    until(lambda: not list((home / "endpoints").iterdir()))
    with pytest.raises(ClientError, match="Could not find endpoint"):
        stage.describe()
