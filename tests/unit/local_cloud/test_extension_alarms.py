"""Alarms by CloudWatch's rules, told only where topic and key let CloudWatch in; EMF metrics."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from local_cloud.extension import alarms, metrics
from tests.unit.local_cloud.conftest import ACCOUNT, Cloud, deploy, document, until

NOW = 10_000.0
OLD = 0.0  # the alarm is older than everything that it looks at


def alarm(**more: Any) -> dict[str, Any]:
    return {
        "Period": 60,
        "EvaluationPeriods": 3,
        "Statistic": "Maximum",
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        **more,
    }


def points(*values: float | None) -> list[dict[str, Any]]:
    """One value a period, the newest first; None leaves its period empty."""
    return [
        {"Timestamp": NOW - i * 60 - 30, "Value": value, "Unit": "None"}
        for i, value in enumerate(values)
        if value is not None
    ]


def judged(found: list[dict[str, Any]], since: float = OLD, **more: Any) -> str:
    return alarms.state(alarm(**more), found, since=since, now=NOW)


@pytest.mark.parametrize(
    ("values", "needed", "state"),
    [
        ((9, 9, 9), None, "ALARM"),
        ((9, 9, 1), None, "OK"),
        ((9, 9, 1), 2, "ALARM"),
        ((9, 1, 1), 2, "OK"),
        ((9, 1, 9), 2, "ALARM"),
        ((5, 5, 5), None, "OK"),  # the threshold itself is not greater
    ],
)
def test_so_many_of_the_last_periods_must_breach(
    values: tuple[float, ...], needed: int | None, state: str
) -> None:
    more = {"DatapointsToAlarm": needed} if needed else {}
    assert judged(points(*values), **more) == state


@pytest.mark.parametrize(
    ("rule", "values", "state"),
    [
        ("missing", (None, None, None), "INSUFFICIENT_DATA"),
        ("missing", (None, None, 1), "OK"),
        ("missing", (9, None, None), "OK"),  # one of three needed
        ("breaching", (None, None, None), "ALARM"),
        ("breaching", (9, None, 9), "ALARM"),
        ("notBreaching", (None, None, None), "OK"),
        ("notBreaching", (9, None, 9), "OK"),
    ],
)
def test_a_period_without_data_counts_by_the_alarm_s_rule(
    rule: str, values: tuple[float | None, ...], state: str
) -> None:
    assert judged(points(*values), TreatMissingData=rule) == state


@pytest.mark.parametrize("kept", ["OK", "ALARM", "INSUFFICIENT_DATA"])
def test_the_rule_ignore_keeps_the_state_while_nothing_comes(kept: str) -> None:
    assert judged([], TreatMissingData="ignore", StateValue=kept) == kept
    assert judged(points(9, 9, 9), TreatMissingData="ignore", StateValue=kept) == "ALARM"


def test_the_time_before_an_alarm_existed_is_not_missing() -> None:
    young = NOW - 10
    assert judged([], since=young, TreatMissingData="breaching") == "INSUFFICIENT_DATA"
    assert judged([], since=NOW - 400, TreatMissingData="breaching") == "ALARM"


def test_periods_end_now() -> None:
    inside = [{"Timestamp": NOW - 59, "Value": 9.0, "Unit": "None"}]
    outside = [{"Timestamp": NOW - 61, "Value": 9.0, "Unit": "None"}]
    assert judged(inside, EvaluationPeriods=1) == "ALARM"
    assert judged(outside, EvaluationPeriods=1) == "INSUFFICIENT_DATA"


@pytest.mark.parametrize(
    ("statistic", "state"),
    [("Sum", "ALARM"), ("Average", "OK"), ("Minimum", "OK"), ("SampleCount", "OK")],
)
def test_a_period_is_judged_by_the_alarm_s_statistic(statistic: str, state: str) -> None:
    both = points(3) + points(4)
    assert judged(both, EvaluationPeriods=1, Statistic=statistic) == state


def test_an_alarm_reads_only_its_own_dimensions(cloud: Cloud) -> None:
    watch = cloud.client("cloudwatch")
    put_alarm(watch, Dimensions=[{"Name": "stage", "Value": "local"}])
    put_data(watch, 9, stage="dev")
    put_data(watch, 9)
    assert state_of(watch) != "ALARM"
    put_data(watch, 9, stage="local")
    assert state_of(watch) == "ALARM"


def put_alarm(watch: Any, **more: Any) -> None:
    watch.put_metric_alarm(
        AlarmName="errors",
        Namespace="Stars",
        MetricName="errors",
        **alarm(EvaluationPeriods=1, TreatMissingData="notBreaching"),
        **more,
    )


def put_data(watch: Any, value: float, **dimensions: str) -> None:
    named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    datum = {"MetricName": "errors", "Value": value, "Dimensions": named}
    watch.put_metric_data(Namespace="Stars", MetricData=[datum])


def state_of(watch: Any) -> str:
    alarms.judge_all()
    return str(watch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"])


def services(action: str | list[str], on: str, *, but: str = "") -> dict[str, Any]:
    """A statement that lets CloudWatch in, or another service."""
    principal = {"Service": but or "cloudwatch.amazonaws.com"}
    return {"Effect": "Allow", "Action": action, "Resource": on, "Principal": principal}


@pytest.mark.parametrize(
    ("topic_lets_in", "key_lets_in", "received"),
    [(True, True, 1), (False, True, 0), (True, False, 0)],
)
def test_an_alarm_notifies_where_topic_and_key_let_cloudwatch_in(
    cloud: Cloud, topic_lets_in: bool, key_lets_in: bool, received: int
) -> None:
    other = "events.amazonaws.com"
    uses = ["kms:GenerateDataKey*", "kms:Decrypt"]
    policy = document(services(uses, "*", but="" if key_lets_in else other))
    key = cloud.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    sns, sqs, watch = (cloud.client(name) for name in ("sns", "sqs", "cloudwatch"))
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=document(services("sns:Publish", topic, but="" if topic_lets_in else other)),
    )
    url = queue(sqs, sns, topic)
    put_alarm(watch, AlarmActions=[topic])
    put_data(watch, 9)
    assert state_of(watch) == "ALARM"
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0).get("Messages", [])
    assert len(messages) == received


def queue(sqs: Any, sns: Any, topic: str) -> str:
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:inbox"
    policy = document(services("sqs:SendMessage", arn, but="sns.amazonaws.com"))
    url = str(sqs.create_queue(QueueName="inbox", Attributes={"Policy": policy})["QueueUrl"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def test_an_alarm_on_a_queue_sees_what_waits_in_it(cloud: Cloud) -> None:
    sqs, watch = cloud.client("sqs"), cloud.client("cloudwatch")
    url = sqs.create_queue(QueueName="lost")["QueueUrl"]
    watch.put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "lost"}],
        **alarm(EvaluationPeriods=1, Threshold=0),
    )
    assert state_of(watch) == "OK"
    sqs.send_message(QueueUrl=url, MessageBody="an event")
    assert until(lambda: state_of(watch) == "ALARM")


EMF = {
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {
                "Namespace": "Stars",
                "Dimensions": [["stage"], ["stage", "test"]],
                "Metrics": [{"Name": "rows", "Unit": "Count"}, {"Name": "took"}],
            }
        ],
    },
    "stage": "local",
    "test": "length",
    "rows": 7,
    "took": [1, 2],
}


def test_one_line_of_embedded_metrics_is_a_point_for_each_set_of_dimensions_and_value() -> None:
    alone, both = {"stage": "local"}, {"stage": "local", "test": "length"}
    assert list(metrics.points(EMF)) == [
        ("Stars", "rows", 7.0, "Count", alone),
        ("Stars", "took", 1.0, "None", alone),
        ("Stars", "took", 2.0, "None", alone),
        ("Stars", "rows", 7.0, "Count", both),
        ("Stars", "took", 1.0, "None", both),
        ("Stars", "took", 2.0, "None", both),
    ]


def test_a_metric_without_dimensions_is_a_point_of_its_own() -> None:
    directive = {"Namespace": "Stars", "Metrics": [{"Name": "rows"}]}
    bare = {"_aws": {"CloudWatchMetrics": [directive]}, "rows": 1}
    assert list(metrics.points(bare)) == [("Stars", "rows", 1.0, "None", {})]


@pytest.mark.parametrize(
    "line",
    [
        '{"_aws": {"CloudWatchMetrics": [',
        json.dumps({**EMF, "rows": "seven"}),
        json.dumps({k: v for k, v in EMF.items() if k != "stage"}),
        json.dumps({k: v for k, v in EMF.items() if k != "rows"}),
        '{"_aws": 3}',
    ],
)
def test_a_broken_line_is_logged_and_not_swallowed(
    line: str, caplog: pytest.LogCaptureFixture
) -> None:
    metrics._record(line)
    assert "a metric in embedded format is broken" in caplog.text
    assert "length" not in caplog.text  # what the line held is not repeated


def test_a_good_line_in_a_log_becomes_a_metric(cloud: Cloud) -> None:
    metrics._record(f"2026-11-25 INFO {json.dumps(EMF)}")
    found = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="Stars",
        MetricName="took",
        Dimensions=[{"Name": "stage", "Value": "local"}],
        StartTime=time.time() - 300,
        EndTime=time.time() + 60,
        Period=600,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in found["Datapoints"]] == [3.0]


def test_an_alarm_of_metric_math_is_deployed_and_said_not_to_be_judged(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "share", "Expression": "m1 / 2"},
        {"Id": "m1", "MetricStat": stat, "ReturnData": False},
    ]
    properties = {
        "AlarmName": "share",
        "Metrics": queries,
        "Threshold": 1,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    template = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
    assert deploy(cloud, "math", Share=template) == "CREATE_COMPLETE"
    alarms.judge_all()
    (kept,) = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert kept["StateValue"] == "INSUFFICIENT_DATA"
    assert "share uses metric math, which is not judged here" in caplog.text
