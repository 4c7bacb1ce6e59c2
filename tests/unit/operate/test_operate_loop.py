"""The journey of one file, followed: what each machine says, and why there is no model."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lambdas.contract import outputs
from lambdas.ports import functions, machines, models
from lambdas.ports.machines import Described
from operate import follow
from operate.errors import OperateError
from operate.loop import Journey, learn_now
from operate.progress import RunProgress
from tests.unit.operate.conftest import MODELS, RAW, Aws

EVALUATION = {
    "rows": 400,
    "majority": 0.5,
    "accuracy": 0.7,
    "macro_f1": 0.6,
    "mae": 0.4,
    "qwk": 0.8,
    "within_one": 0.9,
    "ece": 0.03,
    "log_loss": 0.7,
    "binary_accuracy": 0.9,
    "drawn_from": 400,
    "other_languages": 0,
    "gate": {"passed": True, "message": "all 3 conditions hold"},
    "provenance": {},
}
COUNTS = {
    "read": 10,
    "kept": 8,
    "duplicates": 1,
    "rejected": {"no_text": 1},
    "schemas": {"2023": 6, "2018": 2},
}


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def journey(aws: Aws, said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Journey:
    aws.deployment.outputs[outputs.PIPELINE_NAME] = "review-stars-dev"
    aws.deployment.outputs[outputs.MONITOR_FUNCTION] = "monitor"
    monkeypatch.setattr(models, "newest_pipeline_execution", lambda name: None)
    early = datetime.now(UTC) - timedelta(minutes=1)
    return Journey(aws.deployment, RunProgress(Console(file=said)), since=early)


def ending(
    monkeypatch: pytest.MonkeyPatch, status: str, output: Any = None, cause: str = ""
) -> None:
    """Every execution that is looked at has ended so."""
    text = None if output is None else json.dumps(output)
    described: Callable[[str], Described] = lambda arn: Described(arn, status, text, None, cause)  # noqa: E731
    monkeypatch.setattr(machines, "describe", described)


def registered(aws: Aws, approval: str = "Approved") -> str:
    s3 = aws.client("s3")
    s3.put_object(Bucket=MODELS, Key="e.json", Body=json.dumps(EVALUATION).encode())
    s3.put_object(Bucket=MODELS, Key="r.html", Body=b"<html>")
    uris = {"evaluation_uri": f"s3://{MODELS}/e.json", "report_uri": f"s3://{MODELS}/r.html"}
    return aws.register(approval, **uris)


def test_a_file_arrives_as_a_user_would_bring_it(
    journey: Journey, aws: Aws, tmp_path: Path
) -> None:
    file = tmp_path / "a b é.jsonl"
    file.write_bytes(b"{}")
    journey.upload(file)
    body = aws.client("s3").get_object(Bucket=RAW, Key="incoming/a b é.jsonl")["Body"].read()
    assert body == b"{}"


def test_preprocessing_is_told_in_counts_that_add_up(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch, said: io.StringIO
) -> None:
    machines.start(aws.machines["preprocess"], {})
    ending(monkeypatch, "SUCCEEDED", {"counts": COUNTS, "dataset_id": "d1"})
    journey.preprocess()
    assert journey.dataset_id == "d1"
    assert "10 read = 8 kept + 1 duplicates + 1 rejected; dataset d1" in said.getvalue()
    assert "kept by schema: 2018 2, 2023 6" in said.getvalue()
    assert "s3://curated/rejected/: no_text 1" in said.getvalue()


def test_preprocessing_that_failed_says_why(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.start(aws.machines["preprocess"], {})
    ending(monkeypatch, "FAILED", cause="the gzip stream breaks off")
    with pytest.raises(
        OperateError, match="preprocessing ended FAILED: the gzip stream breaks off"
    ):
        journey.preprocess()


def test_what_never_starts_is_given_up(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operate.loop.EVENT_SECONDS", 0.1)
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    with pytest.raises(OperateError, match="preprocessing did not happen within 0 s"):
        journey.preprocess()


def test_an_older_execution_is_not_ours(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operate.loop.EVENT_SECONDS", 0.1)
    machines.start(aws.machines["learn"], {})
    journey.since = datetime.now(UTC) + timedelta(minutes=1)
    with pytest.raises(OperateError, match="a run of the Learn machine did not happen"):
        journey.learn()


def test_a_registered_model_is_told_by_its_figures(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch, said: io.StringIO, tmp_path: Path
) -> None:
    package = registered(aws)
    ending(monkeypatch, "SUCCEEDED", {"model_package_arn": package})
    machines.start(aws.machines["learn"], {})
    journey.learn()
    assert journey.version == 1
    assert "accuracy 0.700, macro-F1 0.600 on 400 hold-out rows" in said.getvalue()
    assert "all 3 conditions hold" in said.getvalue()
    assert "waits for approval" not in said.getvalue()
    journey.keep_report(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == b"<html>"


def test_a_model_that_waits_says_how_it_goes_live(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch, said: io.StringIO
) -> None:
    package = registered(aws, "PendingManualApproval")
    ending(monkeypatch, "SUCCEEDED", {"model_package_arn": package})
    journey.follow_learning("arn:aws:states:::execution:learn:x")
    assert "`make release STAGE=dev VERSION=1` puts it live" in said.getvalue()


@pytest.mark.parametrize(
    ("status", "output", "cause", "sentence"),
    [
        ("FAILED", None, "accuracy is low", "learning ended FAILED: accuracy is low"),
        ("ABORTED", None, "", "learning ended ABORTED: no reason was given"),
        ("SUCCEEDED", {"why": "no new data"}, "", "nothing was learned: no new data"),
    ],
)
def test_without_a_model_the_reason_is_told(
    journey: Journey,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    output: Any,
    cause: str,
    sentence: str,
) -> None:
    ending(monkeypatch, status, output, cause)
    with pytest.raises(OperateError, match=sentence):
        journey.follow_learning("arn:aws:states:::execution:learn:x")


def test_a_package_without_pointers_is_no_traceback(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, "SUCCEEDED", {"model_package_arn": aws.register()})
    with pytest.raises(OperateError, match="version 1 has no evaluation_uri in its metadata"):
        journey.follow_learning("arn:aws:states:::execution:learn:x")


@pytest.mark.parametrize(("alone", "reason"), [(False, "person"), (True, "without_champion")])
def test_learning_on_request_says_who_wants_it(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch, alone: bool, reason: str
) -> None:
    ending(monkeypatch, "SUCCEEDED", {"model_package_arn": registered(aws)})
    described = machines.describe
    learn_now(aws.deployment, without_champion=alone)
    assert described is machines.describe
    assert aws.started("learn") == [{"reason": reason}]


def test_a_release_is_believed_when_the_live_record_says_it(
    journey: Journey, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.package_arn = registered(aws)
    machines.start(aws.machines["release"], {})
    ending(monkeypatch, "SUCCEEDED", {"message": "version 1 released"})
    with pytest.raises(OperateError, match="the live record says none"):
        journey.release()
    aws.go_live(journey.package_arn, "1")
    journey.release()
    ending(monkeypatch, "FAILED", cause="golden answers differ")
    with pytest.raises(OperateError, match="the release ended FAILED: golden answers differ"):
        journey.release()


def test_a_drift_check_says_its_reason(
    journey: Journey, monkeypatch: pytest.MonkeyPatch, said: io.StringIO
) -> None:
    verdict = {"verdict": "insufficient", "n": 0, "reason": "the window has 0 rows"}
    monkeypatch.setattr(functions, "invoke", lambda name, event: verdict)
    assert journey.check_drift() == verdict
    assert "insufficient: the window has 0 rows" in said.getvalue()


def test_alerts_are_awaited_and_kept(journey: Journey, aws: Aws, tmp_path: Path) -> None:
    body = json.dumps({"Subject": "released", "Message": "version 1", "Timestamp": "t"})
    url = aws.deployment[outputs.INBOX_URL]
    aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    assert [alert.line for alert in journey.alerts(tmp_path / "inbox.jsonl")] == [
        "released: version 1"
    ]
    assert len((tmp_path / "inbox.jsonl").read_text().splitlines()) == 1
    assert [alert.subject for alert in journey.alerts(tmp_path / "inbox.jsonl")] == ["released"]


def test_the_steps_of_our_pipeline_are_said_once(
    journey: Journey, monkeypatch: pytest.MonkeyPatch, said: io.StringIO
) -> None:
    now = models.PipelineExecution("arn", "Executing", "", datetime.now(UTC))
    steps = [models.Step("Train", "Succeeded", "", {}), models.Step("Gate", "Executing", "", {})]
    monkeypatch.setattr(models, "newest_pipeline_execution", lambda name: now)
    monkeypatch.setattr(models, "pipeline_steps", lambda arn: steps)
    journey._log_pipeline_steps()
    journey._log_pipeline_steps()
    assert said.getvalue().count("pipeline: Train Succeeded, Gate Executing") == 1
