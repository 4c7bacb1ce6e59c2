"""Rules and their targets: who lets events in, and what goes to dead letters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.local_cloud.conftest import (
    ACCOUNT,
    REGION,
    Cloud,
    document,
    may,
    until,
)

HERE = f"{REGION}:{ACCOUNT}"
EVENT = {"Source": "stars.local", "DetailType": "DatasetReady", "Detail": '{"dataset": "1"}'}
PASS = {"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}}


def machine(cloud: Cloud) -> str:
    role = cloud.role("machine", "states", may("lambda:InvokeFunction"))
    made = cloud.client("stepfunctions").create_state_machine(
        name="learn", definition=json.dumps(PASS), roleArn=role
    )
    return str(made["stateMachineArn"])


def rule(cloud: Cloud, **target: Any) -> str:
    """A rule for our event with one target and a dead-letter queue; returns the queue's URL."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    rule_arn = events.put_rule(Name="ready", EventPattern='{"source": ["stars.local"]}')["RuleArn"]
    dead_letters = f"arn:aws:sqs:{HERE}:dead"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": dead_letters,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    policy = {"Policy": document(statement)}
    url = sqs.create_queue(QueueName="dead", Attributes=policy)["QueueUrl"]
    events.put_targets(
        Rule="ready", Targets=[{"Id": "1", "DeadLetterConfig": {"Arn": dead_letters}, **target}]
    )
    return str(url)


def waiting(cloud: Cloud, url: str) -> list[dict[str, Any]]:
    answer = cloud.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    return list(answer.get("Messages", []))


def runs(cloud: Cloud, arn: str) -> int:
    return len(cloud.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"])


def test_a_rule_starts_a_machine_with_a_role_that_may(cloud: Cloud) -> None:
    arn = machine(cloud)
    role = cloud.role("starter", "events", may("states:StartExecution", on=arn))
    url = rule(cloud, Arn=arn, RoleArn=role)
    cloud.client("events").put_events(Entries=[EVENT])
    assert until(lambda: runs(cloud, arn)) == 1
    assert waiting(cloud, url) == []


@pytest.mark.parametrize(
    ("service", "rights"),
    [
        ("events", [may("states:StopExecution")]),
        ("events", []),
        ("lambda", [may("states:StartExecution")]),  # events may not assume it
    ],
)
def test_a_refused_target_sends_the_event_to_its_dead_letters(
    cloud: Cloud, service: str, rights: list[dict[str, Any]]
) -> None:
    arn = machine(cloud)
    url = rule(cloud, Arn=arn, RoleArn=cloud.role("starter", service, *rights))
    cloud.client("events").put_events(Entries=[EVENT])
    (message,) = waiting(cloud, url)
    event = json.loads(message["Body"])
    assert (event["source"], event["detail"]) == ("stars.local", {"dataset": "1"})
    message = {name: item["StringValue"] for name, item in message["MessageAttributes"].items()}
    assert message["TARGET_ARN"] == arn
    assert message["RULE_ARN"].endswith("rule/ready")
    assert message["ERROR_CODE"] == "NO_PERMISSIONS"
    assert runs(cloud, arn) == 0


def test_a_target_without_a_role_is_refused_too(cloud: Cloud) -> None:
    arn = machine(cloud)
    url = rule(cloud, Arn=arn)
    cloud.client("events").put_events(Entries=[EVENT])
    assert len(waiting(cloud, url)) == 1


@pytest.mark.parametrize("lets_in", [True, False])
def test_a_queue_and_a_topic_receive_only_where_their_policy_lets_events_in(
    cloud: Cloud, lets_in: bool
) -> None:
    who = {"Service": "events.amazonaws.com" if lets_in else "sns.amazonaws.com"}
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    received = f"arn:aws:sqs:{HERE}:received"
    policy = document(may("sqs:SendMessage", on=received, Principal=who))
    queue = sqs.create_queue(QueueName="received", Attributes={"Policy": policy})["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    publish = document(may("sns:Publish", on=topic, Principal=who))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=publish)
    dead_letters = rule(cloud, Arn=received)
    cloud.client("events").put_events(Entries=[EVENT])
    assert (len(waiting(cloud, queue)), len(waiting(cloud, dead_letters))) == (
        (1, 0) if lets_in else (0, 1)
    )
    sqs.purge_queue(QueueUrl=dead_letters)
    dead = {"DeadLetterConfig": {"Arn": f"arn:aws:sqs:{HERE}:dead"}}
    cloud.client("events").put_targets(Rule="ready", Targets=[{"Id": "1", "Arn": topic, **dead}])
    cloud.client("events").put_events(Entries=[EVENT])
    assert len(waiting(cloud, dead_letters)) == (0 if lets_in else 1)


def test_a_target_without_a_rule_of_ours_is_refused_and_not_waved_through(cloud: Cloud) -> None:
    dead_letters = rule(cloud, Arn=f"arn:aws:logs:{HERE}:log-group:/aws/events/x")
    cloud.client("events").put_events(Entries=[EVENT])
    assert len(waiting(cloud, dead_letters)) == 1


def test_dead_letters_are_kept_only_where_the_queue_lets_events_in(cloud: Cloud) -> None:
    url = rule(cloud, Arn=machine(cloud))
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    cloud.client("events").put_events(Entries=[EVENT])
    assert waiting(cloud, url) == []
