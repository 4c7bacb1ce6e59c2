"""Alarms by CloudWatch's rules, told only where topic and key let CloudWatch in; EMF metrics."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ministack.services import lambda_svc

from local_cloud.extension import alarms, judgement, metrics
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, deploy, document, may, until

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
    return judgement.state(alarm(**more), lambda _: found, since=since, now=NOW)


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


@pytest.mark.parametrize(("end", "wanted"), [("", False), (":*", True)])
def test_a_function_that_may_not_log_has_no_metrics_either(
    cloud: Cloud, end: str, wanted: bool
) -> None:
    """AWS asks about `...:log-group:NAME:log-stream:STREAM`: the group's own ARN is too short."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:stars{end}"
    role = cloud.role("speaks", "lambda", may(*metrics.ACTIONS, on=group))
    config = {"FunctionName": "f", "Role": role, "LoggingConfig": {"LogGroup": "stars"}}
    lambda_svc._emit_lambda_logs(config, "id", json.dumps(EMF), False, 1)
    found = cloud.client("cloudwatch").list_metrics(Namespace="Stars")["Metrics"]
    assert bool(found) == wanted


def math(expression: str, **values: float | None) -> str:
    """The state of an alarm over 1 on an expression of metrics that hold so much now."""
    queries: list[dict[str, Any]] = [{"Id": "judged", "Expression": expression}]
    for id in values:
        stat = {"Metric": {"Namespace": "n", "MetricName": id}, "Period": 60, "Stat": "Sum"}
        queries.append({"Id": id, "MetricStat": stat, "ReturnData": False})
    judged = {
        "Metrics": queries,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return judgement.state(judged, lambda m: points(values[m["MetricName"]]), since=OLD, now=NOW)


SHARE = "IF(requests > 0, (failed - FILL(none, 0)) / requests, 0)"


@pytest.mark.parametrize(
    ("expression", "values", "state"),
    [
        (SHARE, {"requests": 2, "failed": 6, "none": None}, "ALARM"),
        (SHARE, {"requests": 2, "failed": 6, "none": 5}, "OK"),
        (SHARE, {"requests": 0, "failed": 6, "none": None}, "OK"),
        (SHARE, {"requests": None, "failed": None, "none": 1}, "INSUFFICIENT_DATA"),
        ("a / b", {"a": 4, "b": 0}, "INSUFFICIENT_DATA"),
        ("a * 2 + b - 1", {"a": 1, "b": 1}, "ALARM"),
        ("a + b", {"a": 9, "b": None}, "INSUFFICIENT_DATA"),
    ],
)
def test_metric_math_is_computed_for_each_period(
    expression: str, values: dict[str, float | None], state: str
) -> None:
    assert math(expression, **values) == state


def test_what_was_before_an_alarm_is_not_filled() -> None:
    """FILL answers for a period without data: also where nobody was to write any yet."""
    stat = {"Metric": {"Namespace": "n", "MetricName": "asked"}, "Period": 60, "Stat": "Sum"}
    silent = {
        "Metrics": [
            {"Id": "judged", "Expression": "FILL(asked, 0)"},
            {"Id": "asked", "MetricStat": stat, "ReturnData": False},
        ],
        "EvaluationPeriods": 2,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
    }

    def state(since: float, *values: float | None) -> str:
        return judgement.state(silent, lambda _: points(*values), since=since, now=NOW)

    assert state(NOW - 10, None) == "INSUFFICIENT_DATA"
    assert state(OLD, None, None) == "ALARM"
    assert state(OLD, None, 1) == "OK"


def test_metric_math_that_is_not_known_is_refused() -> None:
    with pytest.raises(judgement.UnknownMathError, match="ANOMALY_DETECTION_BAND"):
        math("ANOMALY_DETECTION_BAND(a)", a=1)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ((None, 1, 1), "ALARM"),
        ((None, 9, 1), "OK"),
        ((None, None, 9), "OK"),
        ((None, None, None), "ALARM"),
    ],
)
def test_where_no_data_is_bad_the_last_data_that_came_count_first(
    values: tuple[float | None, ...], state: str
) -> None:
    """A probe that comes a second late leaves a minute empty, and is no outage."""
    under = {"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"}
    assert judged(points(*values), EvaluationPeriods=1, **under) == state


def deploy_math(cloud: Cloud, expression: str) -> str:
    stat = {"Metric": {"Namespace": "Stars", "MetricName": "errors"}, "Period": 60, "Stat": "Sum"}
    properties = {
        "AlarmName": "errors",
        "Metrics": [
            {"Id": "share", "Expression": expression},
            {"Id": "m1", "MetricStat": stat, "ReturnData": False},
        ],
        "Threshold": 1,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    template = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
    return deploy(cloud, "math", Share=template)


def test_an_alarm_of_metric_math_is_deployed_and_judged(cloud: Cloud) -> None:
    assert deploy_math(cloud, "m1 / 2") == "CREATE_COMPLETE"
    watch = cloud.client("cloudwatch")
    assert state_of(watch) == "INSUFFICIENT_DATA"
    put_data(watch, 9)
    assert state_of(watch) == "ALARM"


def test_an_alarm_that_cannot_be_judged_is_not_deployed(cloud: Cloud) -> None:
    assert deploy_math(cloud, "RATE(m1)") == "ROLLBACK_COMPLETE"


def composite(**more: Any) -> dict[str, Any]:
    properties = {"AlarmName": "felt", "AlarmRule": 'ALARM("errors")', **more}
    return {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": properties}


def test_a_composite_alarm_of_a_template_sends_when_it_begins_and_when_it_is_over(
    cloud: Cloud,
) -> None:
    sns, sqs, watch = (cloud.client(name) for name in ("sns", "sqs", "cloudwatch"))
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    policy = document(services("sns:Publish", topic))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    url = queue(sqs, sns, topic)
    put_alarm(watch)
    made = deploy(cloud, "felt", Felt=composite(AlarmActions=[topic], OKActions=[topic]))
    assert made == "CREATE_COMPLETE"
    put_data(watch, 9)
    assert state_of(watch) == "ALARM"
    watch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="over")
    told = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    states = [json.loads(json.loads(m["Body"])["Message"])["NewStateValue"] for m in told]
    assert states[-2:] == ["ALARM", "OK"]


def test_a_composite_alarm_of_what_is_not_there_is_refused(cloud: Cloud) -> None:
    assert deploy(cloud, "felt", Felt=composite()) == "ROLLBACK_COMPLETE"
