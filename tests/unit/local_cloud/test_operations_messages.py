"""SQS, SNS, EventBridge and Firehose as the list of operations says that we rely on them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.unit.local_cloud.asking import refusal, status
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, document, may

ABSENT = "AWS.SimpleQueueService.NonExistentQueue"


@pytest.fixture
def sqs(cloud: Cloud) -> Any:
    return cloud.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="letters")["QueueUrl"])


def test_a_received_message_is_hidden_until_it_is_deleted_or_its_time_is_over(
    sqs: Any, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="one")
    ask = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
    [first] = sqs.receive_message(VisibilityTimeout=1, **ask)["Messages"]
    assert "Messages" not in sqs.receive_message(**ask)
    time.sleep(1.1)
    [again] = sqs.receive_message(VisibilityTimeout=60, **ask)["Messages"]
    assert again["MessageId"] == first["MessageId"]
    assert again["ReceiptHandle"] != first["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert status(sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])) == 200
    assert depth(sqs, url) == 0


def depth(sqs: Any, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_at_most_ten_messages_come_at_once(sqs: Any, url: str) -> None:
    for number in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    assert depth(sqs, url) == 12
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) <= 10
    code, number = refusal(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
    assert (code, number) == ("InvalidParameterValue", 400)


def test_a_queue_that_is_not_there_has_its_code(sqs: Any, url: str) -> None:
    gone = f"{url}-gone"
    assert refusal(sqs.get_queue_url, QueueName="gone") == (ABSENT, 400)
    assert refusal(sqs.receive_message, QueueUrl=gone) == (ABSENT, 400)
    assert refusal(sqs.send_message, QueueUrl=gone, MessageBody="x") == (ABSENT, 400)
    wrong = {"QueueUrl": url, "ReceiptHandle": "none"}
    assert refusal(sqs.delete_message, **wrong) == ("ReceiptHandleIsInvalid", 400)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="gone")


def test_a_queue_is_made_once_emptied_and_deleted(sqs: Any, url: str) -> None:
    assert sqs.create_queue(QueueName="letters")["QueueUrl"] == url
    other = {"QueueName": "letters", "Attributes": {"VisibilityTimeout": "7"}}
    assert refusal(sqs.create_queue, **other) == ("QueueAlreadyExists", 400)
    assert sqs.get_queue_url(QueueName="letters")["QueueUrl"] == url
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    assert depth(sqs, url) == 0
    sqs.delete_queue(QueueUrl=url)
    assert refusal(sqs.get_queue_url, QueueName="letters") == (ABSENT, 400)


def test_queues_are_listed_by_prefix_in_pages(sqs: Any) -> None:
    for name in ("a-1", "a-2", "a-3", "b"):
        sqs.create_queue(QueueName=name)
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix="a-", PaginationConfig={"PageSize": 2}
    )
    found = [[url.rsplit("/")[-1] for url in page["QueueUrls"]] for page in pages]
    assert found == [["a-1", "a-2"], ["a-3"]]
    assert not sqs.list_queues(QueueNamePrefix="none").get("QueueUrls")


def test_a_message_has_at_most_a_mebibyte(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x" * (1 << 20))
    code, number = refusal(sqs.send_message, QueueUrl=url, MessageBody="x" * ((1 << 20) + 1))
    assert (code, number) == ("InvalidParameterValue", 400)


def arn_of(sqs: Any, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def test_a_topic_reaches_the_queues_that_let_it_in(cloud: Cloud, sqs: Any, url: str) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    arn = arn_of(sqs, url)
    asked = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn, "ReturnSubscriptionArn": True}
    subscription = sns.subscribe(**asked)["SubscriptionArn"]
    assert subscription.startswith(f"{topic}:")
    sns.publish(TopicArn=topic, Subject="s", Message="lost")
    assert depth(sqs, url) == 0
    condition = {"ArnEquals": {"aws:SourceArn": topic}}
    lets_in = may(
        "sqs:SendMessage", on=arn, Principal={"Service": "sns.amazonaws.com"}, Condition=condition
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(lets_in)})
    assert sns.publish(TopicArn=topic, Subject="s", Message="m")["MessageId"]
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    body = json.loads(message["Body"])
    assert (body["Type"], body["Subject"], body["Message"]) == ("Notification", "s", "m")
    assert body["TopicArn"] == topic
    sns.unsubscribe(SubscriptionArn=subscription)
    sns.publish(TopicArn=topic, Subject="s", Message="too late")
    assert status(sns.unsubscribe(SubscriptionArn=subscription)) == 200


def test_a_publication_is_held_to_the_limits_of_its_fields(cloud: Cloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    ok = {"TopicArn": topic, "Message": "m"}
    assert status(sns.publish(Subject="x" * 99, **ok)) == 200
    for subject in ("x" * 101, "two\nlines"):
        assert refusal(sns.publish, Subject=subject, **ok) == ("InvalidParameter", 400)
    assert refusal(sns.publish, TopicArn=topic, Message="x" * 262_145) == ("InvalidParameter", 400)
    assert refusal(sns.publish, TopicArn=f"{topic}-gone", Message="m") == ("NotFound", 404)


def test_events_are_taken_one_by_one_and_a_bad_one_is_named(cloud: Cloud) -> None:
    received = cloud.inbox("events", {"source": ["ours"]})
    good = {"Source": "ours", "DetailType": "d", "Detail": '{"n": 1}'}
    answer = cloud.client("events").put_events(
        Entries=[good, {**good, "Detail": "no json"}, {**good, "Source": "aws.s3"}]
    )
    assert answer["FailedEntryCount"] == 2
    assert answer["Entries"][0]["EventId"]
    assert answer["Entries"][1]["ErrorCode"] == "MalformedDetail"
    assert answer["Entries"][2]["ErrorCode"] == "NotAuthorizedForSourceException"
    [event] = received()
    assert (event["detail-type"], event["detail"], event["account"]) == ("d", {"n": 1}, ACCOUNT)
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert event["region"] == REGION


def test_a_call_brings_at_most_ten_events(cloud: Cloud) -> None:
    one = {"Source": "ours", "DetailType": "d", "Detail": "{}"}
    events = cloud.client("events")
    assert events.put_events(Entries=[one] * 10)["FailedEntryCount"] == 0
    assert refusal(events.put_events, Entries=[one] * 11) == ("ValidationException", 400)


def test_a_rule_that_is_disabled_sends_nothing_until_it_is_enabled(cloud: Cloud) -> None:
    received = cloud.inbox("events", {"source": ["ours"]})
    events = cloud.client("events")
    one = {"Source": "ours", "DetailType": "d", "Detail": "{}"}
    events.disable_rule(Name="events")
    events.put_events(Entries=[one])
    assert received() == []
    events.enable_rule(Name="events")
    events.put_events(Entries=[one])
    assert len(received()) == 1
    for call in (events.disable_rule, events.enable_rule):
        assert refusal(call, Name="none") == ("ResourceNotFoundException", 400)


@pytest.fixture
def stream(cloud: Cloud) -> str:
    cloud.client("s3").create_bucket(Bucket="kept")
    writes = may("s3:PutObject", on="arn:aws:s3:::kept/*")
    role = cloud.role("stream", "firehose", writes)
    cloud.client("firehose").create_delivery_stream(
        DeliveryStreamName="kept",
        ExtendedS3DestinationConfiguration={"RoleARN": role, "BucketARN": "arn:aws:s3:::kept"},
    )
    return "kept"


def test_a_stream_says_how_many_records_it_did_not_take(cloud: Cloud, stream: str) -> None:
    firehose = cloud.client("firehose")
    batch = {"DeliveryStreamName": stream, "Records": [{"Data": b"a\n"}, {"Data": b"b\n"}]}
    answer = firehose.put_record_batch(**batch)
    assert answer["FailedPutCount"] == 0
    assert len(answer["RequestResponses"]) == 2
    assert all(one["RecordId"] for one in answer["RequestResponses"])
    assert firehose.put_record(DeliveryStreamName=stream, Record={"Data": b"c\n"})["RecordId"]
    many = {"DeliveryStreamName": stream, "Records": [{"Data": b"x"}] * 501}
    code, number = refusal(firehose.put_record_batch, **many)
    assert (code, number) in {("InvalidArgumentException", 400), ("ValidationException", 400)}
    gone = {"DeliveryStreamName": "none", "Record": {"Data": b"x"}}
    assert refusal(firehose.put_record, **gone) == ("ResourceNotFoundException", 400)


def test_a_stream_describes_its_role_and_its_bucket(cloud: Cloud, stream: str) -> None:
    firehose = cloud.client("firehose")
    found = firehose.describe_delivery_stream(DeliveryStreamName=stream)
    found = found["DeliveryStreamDescription"]
    assert found["DeliveryStreamStatus"] == "ACTIVE"
    [destination] = found["Destinations"]
    kept = destination["ExtendedS3DestinationDescription"]
    assert kept["BucketARN"] == "arn:aws:s3:::kept"
    assert kept["RoleARN"].endswith(":role/stream")
    gone = {"DeliveryStreamName": "none"}
    assert refusal(firehose.describe_delivery_stream, **gone) == ("ResourceNotFoundException", 400)
