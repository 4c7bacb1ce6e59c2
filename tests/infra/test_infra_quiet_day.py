"""A day in which nothing is wrong rings nothing; what cannot be waited for rings in its time.

Prod's own alarms, judged each minute by the local cloud's rules over metrics that are made up.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.emulator import VENV, is_reachable

from .synthesis import Json, Templates

if not is_reachable():
    pytest.skip(f"no emulator in {VENV}: run `make cloud`", allow_module_level=True)
from local_cloud.extension import judgement

DAY, HOUR, MINUTE = 86_400, 3_600, 60
BEGIN = 80 * HOUR  # before the day lies what the idle alarm looks back at
NOON = BEGIN + 12 * HOUR
Point = tuple[float, float]
Key = tuple[str, str]


@dataclass
class World:
    """Points of metrics by namespace and name, sorted by time; the monitor's own apart."""

    points: dict[Key, list[Point]] = field(default_factory=dict)

    def set(self, namespace: str, name: str, points: list[Point]) -> None:
        self.points[namespace, name] = sorted(points)

    def end(self, namespace: str, name: str, at: float) -> None:
        """From a moment on nothing comes any more."""
        key = namespace, name
        self.points[key] = [point for point in self.points[key] if point[0] < at]

    def become(self, namespace: str, name: str, value: float, at: float) -> None:
        """From a moment on each point has another value."""
        key = namespace, name
        self.points[key] = [(t, value if t >= at else v) for t, v in self.points[key]]

    def reader(self, now: float, seconds: float) -> judgement.Read:
        """What an alarm sees that looks back so far."""

        def read(metric: Mapping[str, Any]) -> list[dict[str, Any]]:
            name = metric["MetricName"]
            if "Monitor" in json.dumps(metric.get("Dimensions", [])):
                name = f"Monitor{name}"
            points = self.points.get((metric["Namespace"], name), [])
            first = bisect_left(points, (now - seconds, float("-inf")))
            last = bisect_left(points, (now, float("-inf")))
            return [{"Timestamp": t, "Value": v, "Unit": "None"} for t, v in points[first:last]]

        return read


def ticks(every: float, jitter: float, chance: random.Random) -> Iterator[float]:
    """Moments from five hours before the day to its end; a schedule is never on the second."""
    at = BEGIN - 5 * HOUR
    while at < BEGIN + DAY:
        yield at + chance.uniform(0, jitter)
        at += every


def quiet() -> World:
    """A day of a stage that is asked by clients, more at noon than at night, and by its probe."""
    chance, world = random.Random(15), World()

    def each(namespace: str, name: str, value: Callable[[], float], every: float = MINUTE) -> None:
        world.set(namespace, name, [(t, value()) for t in ticks(every, 9, chance)])

    own, lambda_, gateway = "ReviewStars", "AWS/Lambda", "AWS/ApiGateway"
    each(own, "ProbeSuccess", lambda: 1)
    each(own, "ProbeMilliseconds", lambda: chance.choice([60, 90, 400, 900]))
    each(own, "CertificateDays", lambda: 200)
    each(own, "RuntimeDays", lambda: 900)
    each(own, "ServerErrors", lambda: 0)
    each(own, "ObservationsDropped", lambda: 0)
    world.points[own, "ObservationsDropped"][700] = (BEGIN + 9 * HOUR, 1.0)  # a cold start
    each(own, "NotDeployed", lambda: 0, every=5 * MINUTE)
    each(own, "RejectedShare", lambda: 0.004, every=6 * HOUR)
    asked = [(t, float(chance.randint(0, 1))) for t in range(0, BEGIN + DAY, 10 * MINUTE)]
    world.set(own, "Questions", [(float(t), v) for t, v in asked])
    each(gateway, "Count", lambda: chance.randint(1, 300))
    each(gateway, "5XXError", lambda: 0)
    for name, value in (("Errors", 0.0), ("Throttles", 0.0), ("Duration", 90.0)):
        each(lambda_, name, lambda value=value: value)  # type: ignore[misc]
    each(lambda_, "MonitorInvocations", lambda: 1, every=HOUR)
    each(lambda_, "MonitorErrors", lambda: 0, every=HOUR)
    for name in ("Invocation5XXErrors", "InvocationModelErrors"):
        each("AWS/SageMaker", name, lambda: 0)
    each("AWS/SageMaker", "ModelLatency", lambda: chance.choice([20_000, 60_000, 300_000]))
    each("AWS/SQS", "ApproximateNumberOfMessagesVisible", lambda: 0)
    each("AWS/Firehose", "DeliveryToS3.Success", lambda: 1, every=5 * MINUTE)
    return world


def alarms(templates: Templates) -> dict[str, Json]:
    """The properties of every alarm of the stage that looks at metrics, by the end of its name."""
    prefix = templates.stage.name() + "-"
    return {
        alarm.properties["AlarmName"].removeprefix(prefix): alarm.properties
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
    }


def looks_back(alarm: Json) -> float:
    periods = int(alarm["EvaluationPeriods"]) + judgement.FARTHER_BACK
    return (judgement._period(alarm) + 1) * periods


def rung(found: Mapping[str, Json], world: World, first: float, last: float) -> dict[str, float]:
    """When each alarm rang first, seconds after `first`; alarms on hours are judged each hour."""
    rang: dict[str, float] = {}
    for now in range(int(first), int(last), MINUTE):
        for slug, alarm in found.items():
            is_hourly = judgement._period(alarm) >= HOUR
            if slug in rang or (is_hourly and now % HOUR):
                continue
            read = world.reader(now, looks_back(alarm))
            if judgement.state(alarm, read, since=0, now=now) == "ALARM":
                rang[slug] = now - first
    return rang


def test_a_quiet_day_rings_nothing(prod: Templates) -> None:
    found = alarms(prod)
    assert len(found) >= 30
    assert rung(found, quiet(), BEGIN, BEGIN + DAY) == {}


def test_a_probe_that_comes_late_once_rings_nothing(prod: Templates) -> None:
    """Its schedule may lie near the end of a minute: one holds two questions, the next none."""
    world = quiet()
    asked = [(t + 50 if i % 7 else t + 70, v) for i, (t, v) in enumerate(asked_by_probe(world))]
    world.set("ReviewStars", "ProbeSuccess", asked)
    found = {slug: alarms(prod)[slug] for slug in ("probe-silent", "probe-failed")}
    assert rung(found, world, BEGIN, BEGIN + 3 * HOUR) == {}


def asked_by_probe(world: World) -> list[Point]:
    return world.points["ReviewStars", "ProbeSuccess"]


@pytest.mark.parametrize(
    ("slug", "change", "within"),
    [
        ("probe-failed", lambda w: w.become("ReviewStars", "ProbeSuccess", 0, NOON), 3 * MINUTE),
        ("probe-failed", lambda w: w.end("ReviewStars", "ProbeSuccess", NOON), 5 * MINUTE),
        ("probe-silent", lambda w: w.end("ReviewStars", "ProbeSuccess", NOON), 3 * MINUTE),
        (
            "probe-slow",
            lambda w: w.become("ReviewStars", "ProbeMilliseconds", 4_000, NOON),
            3 * MINUTE,
        ),
        ("api-errors", lambda w: w.become("ReviewStars", "ServerErrors", 1, NOON), 3 * MINUTE),
        ("gateway-errors", lambda w: w.become("AWS/ApiGateway", "5XXError", 9, NOON), 3 * MINUTE),
        ("ratings-crashed", lambda w: w.become("AWS/Lambda", "Errors", 1, NOON), 3 * MINUTE),
        ("ratings-throttled", lambda w: w.become("AWS/Lambda", "Throttles", 1, NOON), 3 * MINUTE),
        ("ratings-slow", lambda w: w.become("AWS/Lambda", "Duration", 25_000, NOON), 3 * MINUTE),
        (
            "endpoint-errors",
            lambda w: w.become("AWS/SageMaker", "Invocation5XXErrors", 1, NOON),
            3 * MINUTE,
        ),
        (
            "endpoint-latency",
            lambda w: w.become("AWS/SageMaker", "ModelLatency", 2e6, NOON),
            4 * MINUTE,
        ),
        (
            "observations-dropped",
            lambda w: w.become("ReviewStars", "ObservationsDropped", 1, NOON),
            3 * MINUTE,
        ),
        (
            "observations-undelivered",
            lambda w: w.become("AWS/Firehose", "DeliveryToS3.Success", 0, NOON),
            6 * MINUTE,
        ),
        (
            "learn-dead-letters",
            lambda w: w.become("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1, NOON),
            3 * MINUTE,
        ),
        (
            "certificate-ends",
            lambda w: w.become("ReviewStars", "CertificateDays", 13.9, NOON),
            3 * MINUTE,
        ),
        ("runtime-ends", lambda w: w.become("ReviewStars", "RuntimeDays", 89, NOON), 3 * MINUTE),
        ("monitor-failed", lambda w: w.become("AWS/Lambda", "MonitorErrors", 1, NOON), 2 * HOUR),
        ("monitor-silent", lambda w: w.end("AWS/Lambda", "MonitorInvocations", NOON), 6 * HOUR),
        (
            "learning-stuck",
            lambda w: w.set("AWS/States", "ExecutionsTimedOut", [(NOON + 1, 1.0)]),
            3 * MINUTE,
        ),
    ],
)
def test_each_fault_rings_in_its_time(
    prod: Templates, slug: str, change: Callable[[World], None], within: float
) -> None:
    world, found = quiet(), alarms(prod)
    change(world)
    assert rung({slug: found[slug]}, world, NOON - 30 * MINUTE, NOON) == {}
    assert rung({slug: found[slug]}, world, NOON, NOON + within + MINUTE)[slug] <= within


def test_a_stage_that_nobody_asks_rings_after_its_hours(prod: Templates) -> None:
    world, found = quiet(), alarms(prod)
    hours = prod.stage.cost.idle_hours
    world.end("ReviewStars", "Questions", BEGIN - hours * HOUR)
    assert rung({"idle": found["idle"]}, world, BEGIN - 10 * HOUR, BEGIN - 3 * HOUR) == {}
    assert rung({"idle": found["idle"]}, world, BEGIN, BEGIN + 4 * HOUR)["idle"] <= 3 * HOUR
