"""What a person sees of a stage: outcomes with their reasons, and times with their zone."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from rich.console import Console

from lambdas.ports import machines, models
from lambdas.ports.machines import Described
from operate import clock, decisions, status
from operate.progress import RunProgress, show, wrap
from operate.status import Watch
from tests.unit.operate.conftest import ACCOUNT, Aws

KIRITIMATI = timezone(timedelta(hours=14))
ZONED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
ANY_TIME = re.compile(r"\d\d:\d\d:\d\d(?! UTC)")


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_every_moment_is_utc_and_says_so() -> None:
    there = datetime(2026, 11, 28, 14, 58, 25, tzinfo=KIRITIMATI)
    assert clock.moment(there) == "2026-11-28 00:58:25 UTC"
    assert clock.time_of_day(there) == "00:58:25 UTC"
    assert clock.parse("2026-11-28T01:00:02.5Z") == datetime(2026, 11, 28, 1, 0, 2, 500000, UTC)
    assert clock.parse("2026-11-28T01:00:02") == datetime(2026, 11, 28, 1, 0, 2, tzinfo=UTC)
    assert clock.parse("yesterday") is None


def alert(aws: Aws, subject: str, message: str, when: str) -> None:
    body = json.dumps({"Subject": subject, "Message": message, "Timestamp": when})
    url = aws.deployment["InboxUrl"]
    aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def test_status_has_one_zone_in_every_line(
    aws: Aws, far_east: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = models.EndpointState("InService", "review-stars-dev-1-x", "")
    monkeypatch.setattr(models, "describe_endpoint", lambda name: endpoint)
    aws.go_live(aws.register(), "1")
    machines.start(aws.machines["learn"], {})
    alert(aws, "released", "version 1 released", "2026-11-28T01:00:02.000Z")
    said = io.StringIO()
    status.show(aws.deployment, tmp_path, Console(file=said))
    text = said.getvalue()
    assert len(ZONED.findall(text)) == 3  # the package, the execution, the alert
    assert ANY_TIME.findall(text) == []
    assert f"registered {datetime.now(UTC):%F}" in text
    assert "2026-11-28 01:00:02 UTC  released: version 1 released" in text
    assert "version 1" in text


def test_each_version_says_who_signed_it(aws: Aws, tmp_path: Path) -> None:
    aws.register()
    aws.register(signing_key="0123456789abcdef" * 4)
    said = io.StringIO()
    status.show(aws.deployment, tmp_path, Console(file=said, width=200))
    [first, second] = [line for line in said.getvalue().splitlines() if "registered" in line][::-1]
    assert first.endswith(", signed by nobody")
    assert second.endswith(", signed by key 0123456789ab")


def test_a_stage_that_sleeps_says_what_comes_back_and_who_put_it_there(
    aws: Aws, tmp_path: Path
) -> None:
    decisions.record(aws.deployment, "sleep", aws.register())
    said = io.StringIO()
    status.show(aws.deployment, tmp_path, Console(file=said, width=200))
    assert "version 1 sleeps: `make wake` brings it back" in said.getvalue()
    assert f"sleep of version 1, by arn:aws:sts::{ACCOUNT}" in said.getvalue()
    decisions.record(aws.deployment, "wake", aws.register())
    said = io.StringIO()
    status.show(aws.deployment, tmp_path, Console(file=said, width=200))
    assert "no model is released" in said.getvalue()


def test_a_stage_without_a_model_says_so(aws: Aws, tmp_path: Path) -> None:
    said = io.StringIO()
    status.show(aws.deployment, tmp_path, Console(file=said))
    assert "no model is released" in said.getvalue()
    assert "https://abc.execute-api.us-east-1.amazonaws.com/v" in said.getvalue()


@pytest.mark.parametrize(
    ("ended", "line"),
    [
        (Described("a", "FAILED", None, "Gate", "accuracy is low"), "failed: accuracy is low"),
        (Described("a", "TIMED_OUT", None, None, None), "timed_out: no reason was given"),
        (
            Described("a", "SUCCEEDED", '{"counts": {"kept": 1234, "read": 2000}}', None, None),
            "succeeded, 1,234 of 2,000 reviews kept",
        ),
        (
            Described("a", "SUCCEEDED", '{"model_package_arn": "arn:x/7"}', None, None),
            "succeeded, version 7",
        ),
        (
            Described("a", "SUCCEEDED", '{"why": "no new data"}', None, None),
            "succeeded, no new data",
        ),
        (Described("a", "SUCCEEDED", "[]", None, None), "succeeded"),
        (Described("a", "RUNNING", None, None, None), "running"),
    ],
)
def test_an_outcome_has_its_version_or_its_reason(
    monkeypatch: pytest.MonkeyPatch, ended: Described, line: str
) -> None:
    monkeypatch.setattr(machines, "describe", lambda arn: ended)
    assert status.outcome("a", ended.status) == line


def test_a_run_that_serves_says_each_change_once(aws: Aws, tmp_path: Path) -> None:
    first, second = aws.register(), aws.register()
    aws.go_live(first, "1")
    watch = Watch(aws.deployment, tmp_path)
    assert watch.news() == ["live: version 1"]
    assert watch.news() == []
    aws.go_live(second, "2")
    machines.start(aws.machines["release"], {})
    alert(aws, "released", "version 2 released", "2026-11-28T01:00:02.000Z")
    assert watch.news() == [
        "release: running",
        "live: version 2 (before: version 1)",
        "alert: released: version 2 released",
    ]
    assert watch.news() == []


def terminal(width: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, force_terminal=True, color_system=None), file


PATH = "s3://review-stars-local-curated-000000000000-us-east-1/rejected/and-so-on/"


def test_a_line_is_broken_between_words_and_a_path_never() -> None:
    console, file = terminal(50)
    show(
        console,
        f"rejected, with reasons, in {PATH}: no_text 11, not_json 7, wrong_type 6",
        indent=4,
    )
    lines = file.getvalue().splitlines()
    assert len(lines) > 2
    assert all(line.startswith("    ") for line in lines[1:])
    assert any(PATH in line for line in lines)
    assert all(len(line) <= 50 for line in lines if PATH not in line)


def test_nothing_is_broken_in_a_pipe() -> None:
    line = f"{PATH} " * 10
    assert wrap(line, 4, Console(file=io.StringIO(), width=40)) == line


def test_while_it_serves_a_line_has_its_time_of_day() -> None:
    said = io.StringIO()
    RunProgress(Console(file=said)).log_event("release: running")
    assert re.fullmatch(r"\d\d:\d\d:\d\d UTC  release: running\n", said.getvalue())


def test_a_step_says_its_end_and_its_seconds() -> None:
    said = io.StringIO()
    progress = RunProgress(Console(file=said))
    with progress.step("one", "Do one thing"):
        progress.log_change("state")
        progress.log_change("state")
    with pytest.raises(ValueError, match="x"), progress.step("two", "Do [another]"):
        raise ValueError("x")
    text = said.getvalue()
    assert text.count("    state") == 1
    assert "✓ Do one thing" in text
    assert "✗ Do [another]" in text
    assert set(progress.seconds) == {"one", "two"}
    assert progress.total_seconds() >= 0


def test_a_step_on_a_terminal_reads_no_markup_in_its_title() -> None:
    console, file = terminal(80)
    with RunProgress(console).step("one", "Do one thing"):
        pass
    assert "✓ Do one thing" in file.getvalue()
