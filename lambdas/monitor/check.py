"""One check: what was predicted since the last one, judged, reported, and notified of drift."""

from __future__ import annotations

import tempfile
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
from lambdas.ports.models import Package
from lambdas.settings import MonitorSettings
from monitoring import feedback, windows
from monitoring.baseline import Baseline
from monitoring.check import AlarmPolicy, CheckOutcome, LiveModel, Records, check
from monitoring.drift import INSUFFICIENT
from monitoring.observations import read_records
from monitoring.settings import DriftSettings
from monitoring.windows import State

settings = MonitorSettings.from_env()
rules = DriftSettings.from_json(settings.drift_config)
logger = Logger(service="monitor")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge what was predicted until now, less what may still be on its way.

    `until` (ISO 8601 with its zone) replaces that moment.
    """
    now = datetime.now(UTC)
    until = _moment(event.get("until")) or windows.settled(now, settings.settle_minutes)
    arn = parameters.read(settings.live_parameter)
    if arn == NONE:
        return {"verdict": INSUFFICIENT, "n": 0, "reason": "no model is live", "report_uri": ""}
    package = models.describe_package(arn)
    outcome = _check(package, until, now)
    report_uri = _write(outcome, until)
    emit(settings.stage, str(package.version), outcome.verdict, outcome.is_closed)
    if outcome.learn:
        machines.start(settings.learn_machine_arn, {"reason": learning.DRIFT}, _run_name(now))
    if outcome.notify:
        _notify(outcome, str(package.version), report_uri)
    _put(keys.MONITOR_STATE, outcome.state.to_json())  # last: what is not closed is judged again
    return _answer(outcome, package, report_uri)


def _check(package: Package, until: datetime, now: datetime) -> CheckOutcome:
    """Read what a check needs, and judge it."""
    state = _state()
    start = windows.horizon(state, package.arn, until, rules.window)
    bucket = settings.observations_bucket
    predictions = observation_reader.lines(bucket, keys.PREDICTIONS, start, until)
    observations, unreadable = read_records(predictions)
    returned, _ = feedback.read_feedback(
        observation_reader.lines(bucket, keys.FEEDBACK, start, now)
    )
    model = LiveModel(
        package_arn=package.arn,
        baseline=_baseline(package.metadata.get(packages.BASELINE_URI, "")),
        gate=_gate(package.metadata.get(packages.EVALUATION_URI, "")) if returned else {},
    )
    policy = AlarmPolicy(
        alarms_needed=settings.alarms_needed,
        alarms_of=settings.alarms_of,
        cool_down_hours=settings.cool_down_hours,
        runs=len(machines.executions(settings.learn_machine_arn, "RUNNING")),
    )
    records = Records(observations=observations, unreadable=unreadable, feedback=returned)
    return check(state, records, model, until=until, now=now, settings=rules, policy=policy)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _state() -> State:
    try:
        return State.from_json(objects.read(settings.observations_bucket, keys.MONITOR_STATE))
    except FileNotFoundError:
        return State()


def _baseline(uri: str) -> Baseline | None:
    """The live model's baseline; None where it has none. A damaged one raises BaselineError."""
    if not uri:
        return None
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        observation_reader.fetch_folder(uri, folder)
        return Baseline.load(folder) if Baseline.is_present(folder) else None


def _gate(evaluation_uri: str) -> dict[str, float]:
    """The floors that the live model passed; none where it has no evaluation."""
    return feedback.read_floors(objects.read_uri(evaluation_uri)) if evaluation_uri else {}


def _write(outcome: CheckOutcome, until: datetime) -> str:
    """Write drift.json and report.html and return the address of the report."""
    folder = f"{keys.MONITORING}{until:%Y%m%dT%H%M%SZ}"
    content = msgspec.json.format(msgspec.json.encode(outcome.to_mapping()), indent=1)
    _put(f"{folder}/{keys.DRIFT_FILE}", content)
    _put(f"{folder}/{keys.REPORT}", outcome.page.encode(), "text/html; charset=utf-8")
    return f"s3://{settings.observations_bucket}/{folder}/{keys.REPORT}"


def _put(key: str, body: bytes, media_type: str = "application/json") -> None:
    objects.put_bytes(settings.observations_bucket, key, body, media_type)


def _run_name(now: datetime) -> str:
    return f"{learning.DRIFT}-{now:%Y%m%dT%H%M%SZ}"


def _notify(outcome: CheckOutcome, version: str, report_uri: str) -> None:
    message = notification.message(outcome.verdict, report_uri, outcome.learning)
    topics.publish(settings.alert_topic_arn, notification.subject(settings.stage, version), message)


def _answer(outcome: CheckOutcome, package: Package, report_uri: str) -> dict[str, Any]:
    verdict = outcome.verdict
    answer = {"verdict": verdict.verdict, "n": verdict.n, "reason": verdict.reason}
    logger.info("checked", extra={**answer, "unreadable": verdict.unreadable_reasons})
    return {
        **answer,
        "judged": outcome.is_closed,
        "learning": outcome.learning,
        "model_version": str(package.version),
        "report_uri": report_uri,
    }
