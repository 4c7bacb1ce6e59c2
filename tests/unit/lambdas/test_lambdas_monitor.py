"""The monitor: windows of what was observed, against the baseline of what is live."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lambdas.monitor import observation_reader
from lambdas.ports.machines import Execution
from lambdas.ports.models import Package
from lambdas.settings import MonitorSettings
from monitoring.baseline import Baseline
from monitoring.errors import BaselineError
from monitoring.observations import Observations
from tests.unit.lambdas.conftest import MODELS, OBSERVATIONS, Context, Load, emitted

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/review-stars-local/7"
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
ROWS, WIDTH = 600, 5
RULES = {
    "window": {"min_rows": 500, "max_rows": 1000, "max_age_days": 7},
    "tests": {
        "false_alarm_rate": 0.01,
        "min_baseline_rows": 500,
        "cell_correction": 0.5,
        "exact_below_rows": 20,
    },
    "feedback": {"min_pairs": 100, "confidence": 0.99},
}
SETTINGS = MonitorSettings(
    stage="local",
    observations_bucket=OBSERVATIONS,
    models_bucket=MODELS,
    live_parameter="/review-stars-local/live",
    alert_topic_arn="topic",
    learn_machine_arn="learn",
    drift_config=json.dumps(RULES),
    alarms_needed=1,
    alarms_of=1,
    cool_down_hours=0,
)


def observations(rows: int, seed: int, shift: float = 0.0) -> Observations:
    random = np.random.default_rng(seed)
    return Observations(
        stars=random.integers(1, 6, rows).astype(np.int8),
        expected_stars=np.full(rows, 3.0, np.float32),
        confidence=np.full(rows, 0.5, np.float32),
        language=np.full(rows, "en"),
        supported=np.full(rows, True),
        length=random.integers(20, 400, rows).astype(np.int32),
        oov_share=random.uniform(0, 0.1, rows).astype(np.float32),
        markup=np.full(rows, False),
        topics=(random.normal(size=(rows, WIDTH)) + shift).astype(np.float32),
        verified_purchase=np.full(rows, 1),
    )


class Stage:
    """A live package with its baseline, a stream's objects, and the handler."""

    def __init__(self, load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any, folder: Path) -> None:
        self.s3 = s3
        self.live = ARN
        self.metadata = {"baseline_uri": f"s3://{MODELS}/runs/1/evaluation/baseline/"}
        self.running: list[Execution] = []
        self.started: list[tuple[str, dict[str, Any]]] = []
        self.told: list[tuple[str, str]] = []
        Baseline.from_observations(observations(2000, 1), ["en"]).save(folder)
        for path in folder.iterdir():
            s3.put_object(
                Bucket=MODELS, Key=f"runs/1/evaluation/baseline/{path.name}", Body=path.read_bytes()
            )
        self.check = load("lambdas.monitor.check", SETTINGS)
        monkeypatch.setattr(self.check.parameters, "read", lambda _: self.live)
        monkeypatch.setattr(self.check.models, "describe_package", self._package)
        monkeypatch.setattr(self.check.machines, "executions", lambda *_: self.running)
        monkeypatch.setattr(self.check.machines, "start", self._start)
        monkeypatch.setattr(self.check.topics, "publish", lambda _, s, m: self.told.append((s, m)))

    def _package(self, arn: str) -> Package:
        return Package(arn, 7, "Completed", "Approved", NOW, "g", "s3://m", self.metadata)

    def _start(self, machine: str, event: dict[str, Any], name: str = "") -> str:
        self.started.append((machine, event))
        return "arn"

    def predict(
        self, rows: int, when: datetime, *, seed: int = 2, shift: float = 0.0, **changes: Any
    ) -> None:
        """One object of the stream, its records a second apart, under the first one's hour."""
        lines = []
        for i, record in enumerate(observations(rows, seed, shift).records()):
            extra = {
                "request_id": f"{when:%H%M}-{i}",
                "time": when + timedelta(seconds=i),
                "caller": "1/client",
                "model_package_arn": ARN,
                "model_version": "7",
            }
            lines.append(msgspec.json.encode({**msgspec.to_builtins(record), **extra, **changes}))
        self._put("predictions", when, lines)

    def tell(self, stars: list[int], when: datetime, asked: datetime) -> None:
        """Feedback for the first predictions of a time."""
        told = [
            {"request_id": f"{asked:%H%M}-{i}", "stars": s, "caller": "1/client", "time": when}
            for i, s in enumerate(stars)
        ]
        self._put("feedback", when, [msgspec.json.encode(line) for line in told])

    def _put(self, prefix: str, when: datetime, lines: list[bytes]) -> None:
        key = f"{prefix}/{when:%Y/%m/%d/%H}/stream-{when:%M}"
        self.s3.put_object(Bucket=OBSERVATIONS, Key=key, Body=b"\n".join(lines) + b"\n")

    def run(self, until: datetime) -> dict[str, Any]:
        answer = self.check.handler({"until": until.isoformat()}, Context())
        found: dict[str, Any] = json.loads(json.dumps(answer))
        return found

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=OBSERVATIONS, Key=key)["Body"].read()
        return body


@pytest.fixture
def stage(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any, tmp_path: Path) -> Stage:
    return Stage(load, monkeypatch, s3, tmp_path)


def test_without_a_model_there_is_nothing_to_judge(stage: Stage) -> None:
    stage.live = "none"
    answer = stage.run(NOW)
    assert (answer["verdict"], answer["n"]) == ("insufficient", 0)
    assert "no model is live" in answer["reason"]


def test_a_quiet_window_is_ok_and_is_not_judged_twice(stage: Stage) -> None:
    stage.predict(ROWS, NOW - timedelta(hours=2))
    first = stage.run(NOW)
    assert (first["verdict"], first["n"], first["judged"]) == ("ok", ROWS, True)
    assert (stage.told, stage.started) == ([], [])
    again = stage.run(NOW + timedelta(hours=1))
    assert (again["verdict"], again["n"], again["judged"]) == ("insufficient", 0, False)


def test_a_window_that_must_still_fill_says_how_many_it_has(stage: Stage) -> None:
    stage.predict(40, NOW - timedelta(hours=2))
    answer = stage.run(NOW)
    assert (answer["verdict"], answer["n"], answer["judged"]) == ("insufficient", 40, False)
    stage.predict(ROWS, NOW + timedelta(minutes=10), seed=3)
    later = stage.run(NOW + timedelta(hours=1))
    assert (later["n"], later["judged"]) == (ROWS + 40, True)


def test_drift_is_told_with_its_reason_and_starts_the_learn_machine(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.predict(ROWS, NOW - timedelta(hours=2), shift=0.8)
    answer = stage.run(NOW)
    assert (answer["verdict"], answer["learning"]) == ("drift", "started")
    assert stage.started == [("learn", {"reason": "drift"})]
    ((subject, message),) = stage.told
    assert "version 7" in subject
    assert "Topics" in message
    assert answer["report_uri"] in message
    report = stage.read(answer["report_uri"].removeprefix(f"s3://{OBSERVATIONS}/")).decode()
    assert "<svg" in report
    assert ARN in report
    metrics = emitted(capsys.readouterr().out)
    dimensions = {tuple(m["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]) for m in metrics}
    assert dimensions == {("stage",), ("stage", "model_version", "test")}
    assert sum(metric.get("DriftingWindows", [0])[0] for metric in metrics) == 1


def test_drift_without_words_of_customers(stage: Stage) -> None:
    stage.predict(ROWS, NOW - timedelta(hours=2), shift=0.8, text="a secret", title="a secret")
    answer = stage.run(NOW)
    folder = answer["report_uri"].removeprefix(f"s3://{OBSERVATIONS}/").rpartition("/")[0]
    written = stage.read(f"{folder}/report.html") + stage.read(f"{folder}/drift.json")
    assert b"secret" not in written + json.dumps(stage.told).encode()


def test_while_a_run_goes_on_drift_starts_none_but_is_told(stage: Stage) -> None:
    stage.running = [Execution("arn", "name", "RUNNING", NOW)]
    stage.predict(ROWS, NOW - timedelta(hours=2), shift=0.8)
    answer = stage.run(NOW)
    assert stage.started == []
    assert "a run is going" in answer["learning"]
    assert "a run is going" in stage.told[0][1]


def test_no_baseline_is_said_and_is_never_no_drift(stage: Stage) -> None:
    stage.metadata = {}
    stage.predict(ROWS, NOW - timedelta(hours=2), shift=0.8)
    answer = stage.run(NOW)
    assert answer["verdict"] == "insufficient"
    assert answer["reason"].startswith("no baseline")


def test_a_damaged_baseline_is_an_error(stage: Stage) -> None:
    stage.s3.put_object(Bucket=MODELS, Key="runs/1/evaluation/baseline/baseline.npz", Body=b"x")
    with pytest.raises(BaselineError):
        stage.run(NOW)


def test_probes_and_other_packages_count_in_no_window(stage: Stage) -> None:
    stage.predict(ROWS, NOW - timedelta(hours=2), probe=True)
    stage.predict(ROWS, NOW - timedelta(hours=3), model_package_arn="arn:other/6")
    assert stage.run(NOW)["n"] == 0


def test_when_telling_fails_the_window_is_judged_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.predict(ROWS, NOW - timedelta(hours=2), shift=0.8)
    publish = stage.check.topics.publish

    def refused(*_: str) -> None:
        raise ConnectionError("the topic cannot be reached")

    monkeypatch.setattr(stage.check.topics, "publish", refused)
    with pytest.raises(ConnectionError):
        stage.run(NOW)
    monkeypatch.setattr(stage.check.topics, "publish", publish)
    assert stage.run(NOW)["verdict"] == "drift"
    assert len(stage.told) == 1


def test_true_stars_judge_the_model(stage: Stage) -> None:
    asked = NOW - timedelta(hours=2)
    stage.predict(ROWS, asked)
    stage.metadata["evaluation_uri"] = f"s3://{MODELS}/runs/1/evaluation/evaluation.json"
    gate = {"gate": {"conditions": [{"name": "accuracy", "threshold": 0.69}]}}
    stage.s3.put_object(
        Bucket=MODELS, Key="runs/1/evaluation/evaluation.json", Body=json.dumps(gate)
    )
    stage.tell([1] * 200, NOW - timedelta(minutes=30), asked)
    answer = stage.run(NOW)
    folder = answer["report_uri"].removeprefix(f"s3://{OBSERVATIONS}/").rpartition("/")[0]
    quality = json.loads(stage.read(f"{folder}/drift.json"))["feedback"]
    assert (quality["verdict"], quality["n"]) == ("below_gate", 200)


def test_a_span_holds_every_hour_that_a_record_may_be_filed_under() -> None:
    first, last = observation_reader.span("p/", NOW - timedelta(hours=1), NOW)
    for hours in (-2, -1, 0, 1):
        key = f"p/{NOW + timedelta(hours=hours):%Y/%m/%d/%H}/stream"
        assert first < key < last, key
    assert first > f"p/{NOW - timedelta(hours=3):%Y/%m/%d/%H}/stream"
