"""One check: the next window of the live package, judged, reported, and told where it drifts."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract import keys, learning, packages
from lambdas.contract.live import NONE
from lambdas.monitor import notification, observation_reader
from lambdas.monitor.metrics import emit
from lambdas.ports import machines, models, objects, parameters, topics
from lambdas.settings import MonitorSettings
from monitoring import drift, feedback, report, windows
from monitoring.baseline import Baseline
from monitoring.drift import Verdict
from monitoring.feedback import Quality
from monitoring.observations import Observations, read_records
from monitoring.settings import DriftSettings
from monitoring.windows import State, Window

settings = MonitorSettings.from_env()
rules = DriftSettings.from_json(settings.drift_config)
logger = Logger(service="monitor")
STARTED = "started"


@dataclass(frozen=True)
class Seen:
    """What was looked at: a window, whether it is closed by this check, and lines that are none."""

    window: Window
    judged: bool
    unreadable: int


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge what was predicted until now, less what may still be on its way.

    `until` (ISO 8601 with its zone) replaces that moment.
    """
    now = datetime.now(UTC)
    until = _moment(event.get("until")) or windows.settled(now, settings.settle_minutes)
    live = parameters.read(settings.live_parameter)
    if live == NONE:
        return {"verdict": "insufficient", "n": 0, "reason": "no model is live", "report_uri": ""}
    package = models.describe_package(live)
    before = _state()
    seen, state = _look(before, live, until)
    baseline = _baseline(package.metadata.get(packages.BASELINE_URI, ""))
    observed = Observations.from_records(seen.window.records, seen.unreadable)
    verdict = drift.check(baseline, observed, rules)
    quality = _quality(seen.window, now, package.metadata.get(packages.EVALUATION_URI, ""))
    page = report.html(
        verdict,
        baseline=baseline,
        window=observed,
        quality=quality,
        about=_about(live, seen.window),
    )
    report_uri = _write(until, verdict, quality, page)
    version = str(package.version)
    emit(settings.stage, version, verdict, seen.judged)
    learning = ""
    if seen.judged:
        state = windows.close(state, seen.window, verdict.verdict)
        was, is_now = before.packages.get(live), state.packages[live]
        is_ringing, is_news = notification.rings(
            was, is_now, settings.alarms_needed, settings.alarms_of
        )
        if is_ringing:
            learning, state = _learn(state, now)
        if is_news or learning == STARTED:
            _tell(verdict, version, report_uri, learning)
    _put(keys.MONITOR_STATE, state.to_json())  # last: what is not closed is judged again
    answer = {"verdict": verdict.verdict, "n": verdict.n, "reason": verdict.reason}
    logger.info("checked", extra={**answer, "learning": learning, "report_uri": report_uri})
    return {
        **answer,
        "judged": seen.judged,
        "learning": learning,
        "model_version": version,
        "report_uri": report_uri,
    }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _state() -> State:
    try:
        return State.from_json(objects.read(settings.observations_bucket, keys.MONITOR_STATE))
    except FileNotFoundError:
        return State()


def _look(state: State, package: str, until: datetime) -> tuple[Seen, State]:
    """The next window; where it must still fill, what is there of it."""
    start = windows.horizon(state, package, until, rules.window)
    found = observation_reader.lines(settings.observations_bucket, keys.PREDICTIONS, start, until)
    records, unreadable = read_records(found)
    cut, state = windows.cut(records, state, package=package, until=until, settings=rules.window)
    if cut is not None:
        return Seen(cut, True, unreadable), state
    any_size = msgspec.structs.replace(rules.window, min_rows=1)
    part, _ = windows.cut(records, state, package=package, until=until, settings=any_size)
    part = part or Window(package, start, until, (), 0, False)
    return Seen(part, False, unreadable), state


def _baseline(uri: str) -> Baseline | None:
    """The live model's baseline; None where it has none. A damaged one raises BaselineError."""
    if not uri:
        return None
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        observation_reader.fetch_folder(uri, folder)
        return Baseline.load(folder) if Baseline.is_present(folder) else None


def _quality(window: Window, now: datetime, evaluation_uri: str) -> Quality | None:
    """What true stars say of this window's predictions; None where none came back."""
    found = observation_reader.lines(settings.observations_bucket, keys.FEEDBACK, window.start, now)
    told, _ = feedback.read_feedback(found)
    if not told:
        return None
    gate: dict[str, float] = {}
    if evaluation_uri:
        evaluation = msgspec.json.decode(objects.read_uri(evaluation_uri))
        gate = feedback.floors(evaluation["gate"]["conditions"])
    return feedback.judge(feedback.join(window.records, told), gate, rules.feedback)


def _about(package: str, window: Window) -> dict[str, str]:
    return {
        "Model package": package,
        "Predictions after": f"{window.start:%Y-%m-%d %H:%M:%S} UTC",
        "until": f"{window.end:%Y-%m-%d %H:%M:%S} UTC",
        "Predictions in all": f"{window.total:,}",
    }


def _write(until: datetime, verdict: Verdict, quality: Quality | None, page: str) -> str:
    """Write drift.json and report.html and return the address of the report."""
    folder = f"{keys.MONITORING}{until:%Y%m%dT%H%M%SZ}"
    content = verdict.to_mapping() | ({"feedback": quality.to_mapping()} if quality else {})
    _put(f"{folder}/drift.json", msgspec.json.format(msgspec.json.encode(content), indent=1))
    _put(f"{folder}/report.html", page.encode(), "text/html; charset=utf-8")
    return f"s3://{settings.observations_bucket}/{folder}/report.html"


def _put(key: str, body: bytes, kind: str = "application/json") -> None:
    objects.put_bytes(settings.observations_bucket, key, body, kind)


def _learn(state: State, now: datetime) -> tuple[str, State]:
    """Start the Learn machine if it may; says what came of it."""
    running = machines.executions(settings.learn_machine_arn, "RUNNING")
    why_not = notification.why_not_learn(state, len(running), now, settings.cool_down_hours)
    if why_not:
        return f"not started: {why_not}", state
    name = f"{learning.DRIFT}-{now:%Y%m%dT%H%M%SZ}"
    machines.start(settings.learn_machine_arn, {"reason": learning.DRIFT}, name)
    return STARTED, msgspec.structs.replace(state, learn_started=now)


def _tell(verdict: Verdict, version: str, report_uri: str, learning: str) -> None:
    words = notification.message(verdict, report_uri, learning)
    topics.publish(settings.alert_topic_arn, notification.subject(settings.stage, version), words)
