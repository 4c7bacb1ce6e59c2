"""The ports against moto, and against errors that moto does not make."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError
from botocore.stub import Stubber

from lambdas.ports import (
    alarms,
    delivery,
    endpoint,
    events,
    machines,
    models,
    objects,
    parameters,
    queues,
    quotas,
    stacks,
    topics,
)
from lambdas.ports.api import SignedApi, base_url
from lambdas.ports.clients import client
from reviews.errors import DeadlineError, ModelError, NotReadyError
from tests.unit.lambdas.conftest import RAW

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/stars/7"


class Broken:
    """A body that breaks off after some bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int | None = None) -> bytes:
        if not self.data:
            raise IncompleteReadError(actual_bytes=1, expected_bytes=2)
        data, self.data = self.data, b""
        return data

    def close(self) -> None:
        pass


@pytest.mark.parametrize("content_range", ["", "bytes 0-9/10", "bytes 40-49/50", "bytes */10"])
def test_another_range_than_was_asked_for_is_refused(
    s3: Any, monkeypatch: pytest.MonkeyPatch, content_range: str
) -> None:
    s3.put_object(Bucket=RAW, Key="k", Body=b"0123456789")

    def whole(**what: Any) -> dict[str, Any]:
        what.pop("Range", None)
        answer: dict[str, Any] = s3.get_object(**what)
        return answer | ({"ContentRange": content_range} if content_range else {})

    body = objects.stream(RAW, "k")
    monkeypatch.setattr(objects, "client", lambda _: SimpleNamespace(get_object=whole))
    with pytest.raises(objects.RangeError, match="s3://raw/k: bytes=4- was asked for"):
        objects.stream(RAW, "k", start=4)
    body.read(4)
    body._body = Broken(b"")
    with pytest.raises(objects.RangeError):  # what goes on after a break is a range, too
        body.read()
    if not content_range.startswith("bytes 0-"):
        with pytest.raises(objects.RangeError):
            objects.read_first(RAW, "k", 2)


def test_an_object_made_again_is_a_new_version_of_the_same_content(s3: Any) -> None:
    first = s3.put_object(Bucket=RAW, Key="k", Body=b"one", Metadata={"by": "us"})
    objects.put_again(RAW, "k")
    now = s3.get_object(Bucket=RAW, Key="k")
    assert now["Body"].read() == b"one"
    assert now["VersionId"] != first["VersionId"]


def test_versions_that_may_not_be_deleted_are_an_error_though_the_answer_is_200(s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key="in/a", Body=b"x")
    kept = [{"Key": "in/a", "Code": "AccessDenied"}, {"Key": "in/b", "Code": "AccessDenied"}]
    stubber = Stubber(client("s3"))
    versions = s3.list_object_versions(Bucket=RAW, Prefix="in/")
    stubber.add_response("list_object_versions", {"Versions": versions["Versions"]})
    stubber.add_response("delete_objects", {"Errors": kept})
    with stubber, pytest.raises(PermissionError, match=r"in/a could not .*AccessDenied.* 1 more"):
        objects.delete_versions(RAW, "in/")


def test_an_object_is_described_and_read_by_its_version(s3: Any) -> None:
    first = s3.put_object(Bucket=RAW, Key="k", Body=b"one")["VersionId"]
    s3.put_object(Bucket=RAW, Key="k", Body=b"second")
    assert objects.read(RAW, "k", first) == b"one"
    assert objects.read(RAW, "k", "null") == objects.read(RAW, "k") == b"second"
    assert (objects.head(RAW, "k", first).size, objects.head(RAW, "k").size) == (3, 6)
    assert objects.read_first(RAW, "k", 2) == b"se"
    for call in (objects.head, objects.read, objects.stream):
        with pytest.raises(FileNotFoundError, match="s3://raw/absent"):
            call(RAW, "absent")


def test_what_may_not_be_read_is_said_in_words(s3: Any) -> None:
    with Stubber(client("s3")) as stub:
        stub.add_client_error("get_object", "AccessDenied", "no", 403)
        with pytest.raises(PermissionError, match="s3://raw/k is not there, or may not be read"):
            objects.read(RAW, "k")


def test_a_stream_begins_where_it_is_told_to(s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key="k", Body=b"0123456789")
    body = objects.stream(RAW, "k", start=4)
    assert (body.read(3), body.read(), body.read(1)) == (b"456", b"789", b"")
    body.close()


def test_a_stream_that_breaks_off_goes_on_in_place(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=RAW, Key="k", Body=b"0123456789")
    body = objects.stream(RAW, "k")
    body._body = Broken(b"0123")
    assert body.read(4) + body.read() == b"0123456789"
    monkeypatch.setattr(body, "_open", lambda: Broken(b""))
    body._body = Broken(b"")
    with pytest.raises(NotReadyError, match="breaks off"):
        body.read()


def test_a_stream_never_joins_two_versions(s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key="k", Body=b"0123456789")
    body = objects.stream(RAW, "k")
    s3.put_object(Bucket=RAW, Key="k", Body=b"9876543210")
    body._body = Broken(b"0123")
    body.read(4)
    with pytest.raises(ClientError):
        body.read()


def test_keys_come_in_order_and_after_one(s3: Any) -> None:
    for key in ("a/2", "a/1", "a/3", "b/1"):
        objects.put_whole(RAW, key, io.BytesIO(b"words"))
    assert objects.list_keys(RAW, "a/") == ["a/1", "a/2", "a/3"]
    assert objects.list_keys(RAW, "a/", after="a/1") == ["a/2", "a/3"]
    assert objects.empty(RAW) == 4
    assert objects.list_keys(RAW, "") == []


def test_a_parameter_is_read_or_its_absence_is_said() -> None:
    with Stubber(client("ssm")) as stub:
        stub.add_response("get_parameter", {"Parameter": {"Value": "none"}}, {"Name": "/live"})
        assert parameters.read("/live") == "none"
        stub.add_client_error("get_parameter", "ParameterNotFound")
        with pytest.raises(NotReadyError, match="/absent cannot be read: ParameterNotFound"):
            parameters.read("/absent")


def test_an_event_and_a_message_arrive(aws: None) -> None:
    queue = client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    topic = client("sns").create_topic(Name="alerts")["TopicArn"]
    endpoint_arn = arn["Attributes"]["QueueArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint_arn)
    topics.publish(topic, "x" * 300, "words")
    (message,) = queues.receive_all(queue)
    content = json.loads(message.body)
    assert (content["Message"], len(content["Subject"])) == ("words", 100)
    events.publish("review-stars.local", "DatasetReady", {"dataset_id": "d"})


def test_an_event_that_is_not_taken_is_an_error() -> None:
    with Stubber(client("events")) as stub:
        refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        stub.add_response("put_events", refused)
        with pytest.raises(NotReadyError, match="DatasetReady: ThrottlingException"):
            events.publish("review-stars.local", "DatasetReady", {})


def test_records_reach_their_stream(s3: Any) -> None:
    for name in ("predictions", "feedback"):
        client("firehose").create_delivery_stream(
            DeliveryStreamName=name,
            S3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::123456789012:role/firehose",
                "BucketARN": f"arn:aws:s3:::{RAW}",
                "Prefix": f"{name}/",
            },
        )
    assert delivery.Offer("predictions", 5.0)([b"one\n", b"two\n"]) == 0
    delivery.put("feedback", b"three\n")
    found = {key: objects.read(RAW, key) for key in objects.list_keys(RAW, "")}
    assert sorted(body for body in found.values()) == [b"one\ntwo\n", b"three\n"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ValidationError", endpoint.NotDeployedError),
        ("ThrottlingException", NotReadyError),
        ("ModelError", ModelError),
        ("AccessDeniedException", ModelError),
    ],
)
def test_what_the_endpoint_says_becomes_what_one_can_do(
    code: str, expected: type[Exception]
) -> None:
    with Stubber(endpoint.runtime()) as stub:
        stub.add_client_error("invoke_endpoint", code, "Customers' words", 424)
        with pytest.raises(expected) as error:
            endpoint.invoke("name", b"{}")
        assert type(error.value) is expected
        assert "words" not in str(error.value)


def test_an_endpoint_that_takes_too_long_is_a_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://runtime")

    monkeypatch.setattr(endpoint.runtime(), "invoke_endpoint", late)
    with pytest.raises(DeadlineError):
        endpoint.invoke("name", b"{}")


def test_the_patience_of_all_attempts_ends_before_the_gateways() -> None:
    assert endpoint.SECONDS * endpoint.ATTEMPTS < 29
    assert delivery.PUT_SECONDS * delivery.PUT_ATTEMPTS < 29


def test_the_endpoint_is_asked_once_and_its_answer_comes_as_it_is() -> None:
    with Stubber(endpoint.runtime()) as stub:
        body = io.BytesIO(b'{"ratings":[]}')
        stub.add_response("invoke_endpoint", {"Body": body})
        assert endpoint.invoke("name", b"{}", "request-1") == b'{"ratings":[]}'


def test_only_the_named_alarms_that_ring_are_told() -> None:
    with Stubber(client("cloudwatch")) as stub:
        found = [{"AlarmName": name} for name in ("one", "other")]
        asked = {"AlarmNames": ["one", "two"], "StateValue": "ALARM"}
        stub.add_response("describe_alarms", {"MetricAlarms": found}, asked)
        assert alarms.in_alarm(["one", "two"]) == ["one"]
    assert alarms.in_alarm([]) == []


def test_a_machine_is_started_listed_and_stopped(aws: None) -> None:
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60}}})
    role = "arn:aws:iam::123456789012:role/machine"
    machine = client("stepfunctions").create_state_machine(
        name="learn", definition=definition, roleArn=role
    )["stateMachineArn"]
    arn = machines.start(machine, {"reason": "drift"}, "drift-1")
    (running,) = machines.executions(machine, "RUNNING")
    assert (running.arn, running.name) == (arn, "drift-1")
    assert machines.stop_all(machine) == 1
    assert machines.executions(machine, "RUNNING") == []
    assert machines.describe(arn).status == "ABORTED"


def test_an_absent_package_and_an_absent_endpoint_are_said_to_be_so() -> None:
    sagemaker = client("sagemaker")
    with Stubber(sagemaker) as stub:
        words = "ModelPackage x does not exist."
        stub.add_client_error("describe_model_package", "ValidationException", words)
        with pytest.raises(FileNotFoundError):
            models.describe_package("arn")
        words = 'Could not find endpoint "x".'
        stub.add_client_error("describe_endpoint", "ValidationException", words)
        with pytest.raises(FileNotFoundError):
            models.served_package("x")


def test_a_card_goes_in_two_calls_and_touches_no_approval() -> None:
    with Stubber(client("sagemaker")) as stub:
        for card in ({"ModelCardContent": "{}"}, {"ModelCardStatus": "PendingReview"}):
            asked = {"ModelPackageArn": PACKAGE, "ModelCard": card}
            stub.add_response("update_model_package", {"ModelPackageArn": PACKAGE}, asked)
        models.put_card(PACKAGE, "{}")
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("card", "status"),
    [
        ({}, ""),
        ({"ModelCardStatus": "Draft"}, ""),  # a card that says nothing is none
        ({"ModelCardContent": "{}"}, "Draft"),
        ({"ModelCardContent": "{}", "ModelCardStatus": "Approved"}, "Approved"),
    ],
)
def test_a_package_says_whether_it_holds_a_card(card: dict[str, str], status: str) -> None:
    answer = {
        "ModelPackageName": PACKAGE,
        "ModelPackageArn": PACKAGE,
        "ModelPackageVersion": 7,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelPackageGroupName": "stars",
        "CreationTime": "2026-11-24T00:00:00Z",
        **({"ModelCard": card} if card else {}),
    }
    with Stubber(client("sagemaker")) as stub:
        stub.add_response("describe_model_package", answer)
        assert models.describe_package(PACKAGE).card_status == status


def test_a_quota_is_the_account_s_own_or_the_default() -> None:
    asked = client("service-quotas")

    def page(*values: tuple[str, float], token: str = "") -> dict[str, Any]:
        found = [{"QuotaName": f"{n} usage", "QuotaCode": n, "Value": v} for n, v in values]
        return {"Quotas": found, **({"NextToken": token} if token else {})}

    with Stubber(asked) as stub:
        wanted = {"ServiceCode": "sagemaker"}
        stub.add_response(
            "list_aws_default_service_quotas", page(("a", 0), ("b", 1), token="more"), wanted
        )
        stub.add_response(
            "list_aws_default_service_quotas", page(("c", 2)), {**wanted, "NextToken": "more"}
        )
        stub.add_response("list_service_quotas", page(("a", 8)), wanted)
        found = quotas.quotas("sagemaker")
    assert {(q.name, q.code, q.value) for q in found.values()} == {
        ("a usage", "a", 8),
        ("b usage", "b", 1),
        ("c usage", "c", 2),
    }


def test_outputs_and_failures_of_a_stack() -> None:
    with Stubber(client("cloudformation")) as stub:
        words = "Stack with id absent does not exist"
        stub.add_client_error("describe_stacks", "ValidationError", words)
        assert stacks.outputs("absent") == {}
        stub.add_response("describe_stack_events", {"StackEvents": failed_update()})
        assert stacks.failure("endpoint") == "Endpoint: an alarm rang"


def failed_update() -> list[dict[str, Any]]:
    """Newest first, as CloudFormation tells them."""
    stack, model = "AWS::CloudFormation::Stack", "AWS::SageMaker::Endpoint"
    told = [
        (stack, "UPDATE_ROLLBACK_COMPLETE", ""),
        (model, "UPDATE_FAILED", "Resource update cancelled"),
        (model, "UPDATE_FAILED", "an alarm rang"),
        (stack, "UPDATE_IN_PROGRESS", "User Initiated"),
        (model, "UPDATE_FAILED", "of an earlier update"),
    ]
    return [
        {
            "StackId": "s",
            "EventId": str(n),
            "StackName": "endpoint",
            "Timestamp": "2026-11-24T00:00:00Z",
            "LogicalResourceId": "Endpoint",
            "ResourceType": kind,
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
        }
        for n, (kind, status, reason) in enumerate(told)
    ]


def test_the_address_of_the_api_follows_the_endpoint_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert base_url("id", "dev") == "https://id.execute-api.us-east-1.amazonaws.com/dev"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost:4566")
    assert base_url("id", "dev") == "https://localhost:4566/restapis/id/dev/_user_request_"


def test_a_request_to_our_api_names_its_agent_outside_the_signature(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's core firewall rules refuse a request without a User-Agent."""
    sent: dict[str, str] = {}

    class Connection:
        sock = None

        def __init__(self, *_: Any, **__: Any) -> None: ...

        def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
            sent.update({name.lower(): value for name, value in headers.items()})

        def getresponse(self) -> Any:
            return SimpleNamespace(status=200, read=lambda: b"{}")

        def close(self) -> None: ...

    monkeypatch.setattr("lambdas.ports.api.HTTPSConnection", Connection)
    assert SignedApi("id", "prod").post("/v1/ratings", b"{}") == (200, b"{}")
    assert sent["user-agent"].startswith("review-stars/")
    assert "user-agent" not in sent["authorization"]
