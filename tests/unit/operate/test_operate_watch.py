"""One look at a stage: what rings, waits, drifts, costs or ages is said, and nothing else."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.contract import outputs
from lambdas.ports import budgets
from operate import watch
from operate.watch import Finding
from tests.unit.operate.conftest import MODELS, Aws

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
PREFIX = "review-stars-dev-"


@pytest.fixture
def stage(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A stage that is well: a model that is live, and a check of an hour ago."""
    aws.deployment.outputs[outputs.OBSERVATIONS_BUCKET] = MODELS
    aws.go_live(aws.register(), "1")
    check(aws, "ok", NOW - timedelta(hours=1))
    spent = budgets.Spending(limit=100, actual=10, forecast=20)
    monkeypatch.setattr(budgets, "spending", lambda account, name: spent)
    monkeypatch.setattr(watch, "_locks", lambda now: Finding("packages", True, "new"))
    return aws


def check(aws: Aws, verdict: str, at: datetime) -> None:
    body = json.dumps({"verdict": verdict}).encode()
    key = f"monitoring/{at:%Y%m%dT%H%M%SZ}/drift.json"
    aws.client("s3").put_object(Bucket=MODELS, Key=key, Body=body)


def unwell(aws: Aws, now: datetime = NOW) -> dict[str, str]:
    return {f.name: f.text for f in watch.look(aws.deployment, now) if not f.well}


def test_a_stage_that_is_well_needs_nobody(stage: Aws) -> None:
    findings = watch.look(stage.deployment, NOW)
    assert {f.name for f in findings} >= {"model", "drift", "alarms", "queues", "packages"}
    assert watch.is_well(findings), findings
    assert "**look**" not in watch.render("dev", findings, NOW)


def test_an_alarm_that_rings_is_named_with_its_message_and_no_other_stage_s(stage: Aws) -> None:
    cloudwatch = stage.client("cloudwatch")
    for name in (f"{PREFIX}model-errors", "review-stars-devil-model-errors", f"{PREFIX}quiet"):
        cloudwatch.put_metric_alarm(
            AlarmName=name, AlarmDescription="The model failed.", MetricName="m", Namespace="n",
            Period=60, EvaluationPeriods=1, Threshold=1, Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        if not name.endswith("quiet"):
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    assert unwell(stage) == {"alarms": f"{PREFIX}model-errors: The model failed."}


def test_a_stage_whose_name_begins_the_same_is_another(
    stage: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = stage.client("sqs")
    url = sqs.create_queue(QueueName=f"{PREFIX}two-learn-dead-letters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    monkeypatch.setattr(watch, "stages", lambda: ["dev", "dev-two", "prod"])
    assert unwell(stage) == {}
    monkeypatch.setattr(watch, "stages", lambda: ["dev", "prod"])
    assert set(unwell(stage)) == {"queues"}


def test_dead_letters_need_a_person_and_other_messages_do_not(stage: Aws) -> None:
    sqs = stage.client("sqs")
    for name in (
        f"{PREFIX}inbox",
        f"{PREFIX}learn-dead-letters",
        "review-stars-devil-dead-letters",
    ):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x")
        if name.endswith("inbox"):
            assert unwell(stage) == {}
    assert unwell(stage) == {"queues": f"{PREFIX}inbox 1, {PREFIX}learn-dead-letters 1"}


def test_drift_and_checks_that_stopped_need_a_person(stage: Aws) -> None:
    assert "the last check is of" in unwell(stage, NOW + timedelta(hours=4))["drift"]
    check(stage, "drift", NOW)
    assert unwell(stage)["drift"].startswith("drift, at")
    check(stage, "insufficient", NOW + timedelta(minutes=1))
    assert "drift" not in unwell(stage, NOW + timedelta(minutes=2))


@pytest.mark.parametrize(("live", "is_well"), [(True, False), (False, True)])
def test_no_check_at_all_is_well_only_where_nothing_is_live(
    aws: Aws, live: bool, is_well: bool
) -> None:
    aws.deployment.outputs[outputs.OBSERVATIONS_BUCKET] = MODELS
    if live:
        aws.go_live(aws.register(), "1")
    found = watch._drift(aws.deployment, NOW)
    assert (found.well, found.text) == (is_well, "no check was ever made")


@pytest.mark.parametrize(
    ("actual", "forecast", "is_well"), [(80, 100, True), (81, 0, False), (10, 101, False)]
)
def test_a_budget_that_is_nearly_spent_needs_a_person(
    stage: Aws, monkeypatch: pytest.MonkeyPatch, actual: float, forecast: float, is_well: bool
) -> None:
    spent = budgets.Spending(100, actual, forecast)
    monkeypatch.setattr(budgets, "spending", lambda account, name: spent)
    settings = stage.deployment.place.settings
    cost = SimpleNamespace(budget_dollars=100)
    place = SimpleNamespace(
        settings=SimpleNamespace(account=settings.account, cost=cost),
        name=lambda: "review-stars-dev",
    )
    [found] = watch._budget(SimpleNamespace(place=place))  # type: ignore[arg-type]
    assert found.well is is_well
    assert f"${actual:,.2f} of $100" in found.text


def test_locks_that_nobody_renewed_are_said() -> None:
    assert watch._locks(datetime.now(UTC) + timedelta(days=400)).well is False


def answering(out: str) -> Any:
    return lambda *words, **how: SimpleNamespace(stdout=out)


def timing_out(*words: Any, **how: Any) -> None:
    raise subprocess.TimeoutExpired("pip-audit", 1)


REPORT = {
    "dependencies": [
        {"name": "numpy", "version": "2.5.1", "vulns": []},
        {"name": "requests", "version": "1", "vulns": [{"id": "GHSA-1"}, {"id": "GHSA-2"}]},
    ]
}


@pytest.mark.parametrize(
    ("run", "is_well", "text"),
    [
        (answering('{"dependencies": []}'), True, "none is known"),
        (answering(json.dumps(REPORT)), False, "requests GHSA-1, requests GHSA-2"),
        (answering(""), False, "the database could not be asked: look by hand"),
        (timing_out, False, "the database could not be asked: look by hand"),
    ],
)
def test_a_known_vulnerability_is_named_and_silence_is_not_health(
    run: Any, is_well: bool, text: str
) -> None:
    assert watch._vulnerabilities(run) == Finding("vulnerabilities", is_well, text)


def test_what_needs_a_person_comes_first_in_one_line_each() -> None:
    findings = [Finding("a", True, "fine"), Finding("b", False, "one\ntwo | three")]
    text = watch.render("dev", findings, NOW)
    assert text.index("| **look** | b | one two \\| three |") < text.index("| ok | a | fine |")
    content = json.loads(watch.to_json("dev", findings, NOW))
    assert (content["stage"], content["well"], content["text"]) == ("dev", False, text)
