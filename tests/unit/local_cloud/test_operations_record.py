"""What the local cloud records of each request: the operation and the names of its parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.handlers import remove_bucket_from_url_paths_from_model

from local_cloud.operations import recorder, requests
from local_cloud.operations.requests import UnknownOperationError, Usage, Wire
from tests.unit.local_cloud.conftest import Cloud

SECRET = "words of a customer"


@pytest.fixture
def used(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads what was recorded: parameters by service and operation."""
    monkeypatch.setenv("OPERATIONS_LOG", str(home / "operations.jsonl"))

    def read() -> dict[str, set[str]]:
        assert SECRET not in (home / "operations.jsonl").read_text()
        found: dict[str, set[str]] = {}
        for usage, _ in recorder.read(home):
            found.setdefault(f"{usage.service}:{usage.operation}", set()).update(usage.parameters)
        return found

    return read


def test_a_request_of_each_protocol_is_read_by_its_names(cloud: Cloud, used: Any) -> None:
    s3, query = cloud.client("s3"), {"Bucket": "raw", "Key": f"in/{SECRET}"}
    s3.create_bucket(Bucket="raw")
    s3.put_object(Body=SECRET.encode(), Metadata={"word": SECRET}, **query)
    s3.get_object(Range="bytes=0-1", **query)
    s3.delete_objects(Bucket="raw", Delete={"Objects": [{"Key": SECRET}], "Quiet": True})
    cloud.client("cloudwatch").describe_alarms(AlarmNames=[SECRET])  # CBOR
    cloud.client("sqs").create_queue(QueueName="q", Attributes={"VisibilityTimeout": "7"})
    cloud.client("iam").create_user(UserName="u", Tags=[{"Key": "k", "Value": SECRET}])  # Query
    cloud.client("lambda").list_functions(MaxItems=3)  # REST with JSON
    cloud.client("sagemaker").list_models(NameContains="m")
    found = used()
    assert {"Bucket", "Key", "Body", "Metadata{}"} <= found["s3:PutObject"]
    assert {"Bucket", "Key", "Range"} <= found["s3:GetObject"]
    assert {"Delete.Objects[].Key", "Delete.Quiet"} <= found["s3:DeleteObjects"]
    assert found["s3:CreateBucket"] == {"Bucket"}
    assert found["cloudwatch:DescribeAlarms"] == {"AlarmNames[]"}
    assert found["sqs:CreateQueue"] == {"QueueName", "Attributes{VisibilityTimeout}"}
    assert found["iam:CreateUser"] == {"UserName", "Tags[].Key", "Tags[].Value"}
    assert found["lambda:ListFunctions"] == {"MaxItems"}
    assert found["sagemaker:ListModels"] == {"NameContains"}


def test_a_listing_is_one_where_a_client_of_s3_has_changed_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = requests._model("s3")
    assert model
    operation = model.operation_model("ListObjectsV2")
    monkeypatch.setattr(operation, "http", dict(operation.http))
    remove_bucket_from_url_paths_from_model(params={}, model=operation, context={})
    assert operation.http["authPath"]
    route = requests._route(operation)
    assert route.literals == {"list-type": "2"}
    assert route.fits(Wire("GET", "/raw", {}, {"list-type": ["2"]}, b""))
    assert not route.fits(Wire("GET", "/raw", {}, {"versions": [""]}, b""))


def test_a_line_is_written_once_for_each_client(cloud: Cloud, home: Path, used: Any) -> None:
    sts = cloud.client("sts")
    for _ in range(3):
        sts.get_caller_identity()
    recorder.note(lambda: Usage("sts", "GetCallerIdentity", ()), "states")
    lines = [json.loads(line) for line in (home / "operations.jsonl").read_text().splitlines()]
    assert [line["client"] for line in lines] == ["Boto3", "states"]
    assert [client for _, client in recorder.read(home, without="Boto3")] == ["states"]


def test_a_call_by_a_service_itself_is_read_the_same_way() -> None:
    given = {"TopicArn": "t", "Message": SECRET, "MessageAttributes": {"a": {"DataType": "String"}}}
    assert requests.of_call("sns", "Publish", given).parameters == (
        "Message",
        "MessageAttributes{}.DataType",
        "TopicArn",
    )
    with pytest.raises(UnknownOperationError):
        requests.of_call("sns", "Shout", {})


def test_a_parameter_that_the_model_lacks_is_marked() -> None:
    headers = {"x-amz-target": "SageMaker.ListModels"}
    wire = Wire("POST", "/", headers, {}, b'{"NameContain": "m"}')
    assert requests.read("sagemaker", wire).parameters == ("NameContain?",)


def test_an_invocation_is_told_from_the_service_that_shares_its_name() -> None:
    wire = Wire("POST", "/endpoints/e/invocations", {"content-type": "application/json"}, {}, b"{}")
    found = requests.read("sagemaker", wire)
    assert (found.service, found.operation) == ("sagemaker-runtime", "InvokeEndpoint")
    assert found.parameters == ("Body", "ContentType", "EndpointName")


def test_what_cannot_be_read_is_recorded_and_breaks_nothing(cloud: Cloud, used: Any) -> None:
    with pytest.raises(UnknownOperationError):
        requests.read("nothing", Wire("GET", "/", {}, {}, b""))

    def broken() -> Usage:
        raise ZeroDivisionError

    recorder.note(broken, "Boto3")
    assert used() == {"?:ZeroDivisionError while a request was read": set()}
