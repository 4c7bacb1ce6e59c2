"""The outage matrix: every way to stop answering, what a client sees, what rings, how soon.

Each row that a local cloud can cause is caused there and heard by a subscriber of the alert topic.
The others name the test that stands for them, and what AWS alone can prove.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from lambdas.contract import outputs
from lambdas.ports import queues
from lambdas.ports.clients import client
from operate import client as api_client
from operate import faults
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.faults import Broken

FELT = "customers-feel-it"
CALLS = ("DisableKey", "StopLogging")  # of AWS, which an event tells of
WITHIN_SECONDS = 180  # of AWS
POLL_SECONDS = 0.3
HEAD = "| outage | a client sees | rings | after, of AWS | proof |"
RULE = "|---|---|---|---:|---|"
Cause = Callable[[Broken], AbstractContextManager[None]]
Ask = Callable[[Deployment], int]


@dataclass(frozen=True)
class Row:
    """One way to stop answering.

    sees: what a client sees. rings: alarms that must be in ALARM, by the ends of their names; told:
    what the message that arrives must name. within_seconds: of AWS, from the fault to the message.
    proof: the test that stands for a row without a cause, or what else is not proven here.
    """

    fault: str
    sees: str
    told: str
    rings: tuple[str, ...] = ()
    cause: Cause | None = None
    within_seconds: int = WITHIN_SECONDS
    proof: str = ""

    @property
    def alarms(self) -> set[str]:
        """All that it may set off, by the ends of their names."""
        return {self.told, *self.rings}


# fmt: off
MATRIX = (
    Row("the function cannot be imported", "503", FELT, ("ratings-crashed", "probe-failed"),
        faults.import_fails),
    Row("the function is ended for its time", "503 or 504", FELT,
        ("ratings-crashed", "probe-failed"), faults.times_out),
    Row("the function is throttled", "429, on AWS perhaps a 5xx", FELT,
        ("ratings-throttled", "probe-failed"), faults.throttled),
    Row("the gateway may not call the function", "500", FELT, ("gateway-errors", "probe-failed"),
        faults.gateway_not_let_in),
    Row("the function may not ask the model", "503", FELT, ("model-errors", "api-errors"),
        faults.role_lost_the_model),
    Row("the endpoint is gone", "503 endpoint_missing", FELT, ("model-errors", "probe-failed"),
        faults.endpoint_gone),
    Row("the model server is out of memory, the endpoint fails", "503", FELT,
        ("endpoint-errors", "probe-failed"), faults.out_of_memory),
    Row("the model is slow beyond patience", "504", FELT, ("probe-failed",), faults.model_hangs),
    Row("the model answers nonsense", "200 with wrong stars", FELT, ("probe-failed",),
        faults.answers_differ,
        proof="what is turned around is the record of its answers, not the model"),
    Row("the stage of the API is deleted", "403", FELT, ("probe-failed",),
        faults.api_stage_deleted),
    Row("the probe is silent", "nothing", FELT, ("probe-silent", "probe-failed"),
        faults.probe_silent,
        proof="when CloudWatch's minutes begin, only AWS can prove"),
    Row("a stream refuses predictions", "nothing", "observations-dropped",
        ("observations-dropped",), faults.stream_refuses),
    Row("a stream cannot write", "nothing", "observations-undelivered",
        ("observations-undelivered",), faults.stream_cannot_write,
        proof="on AWS a stream gathers for up to five minutes before it writes"),
    Row("a dead-letter queue is not empty", "nothing", "learn-dead-letters",
        ("learn-dead-letters",), faults.queue_not_empty),
    Row("a key is disabled", "5xx, in minutes", "DisableKey", (), faults.key_disabled,
        proof="of nothing encrypted, and without CloudTrail's delay: only AWS can prove both"),
    Row("the trail is stopped", "nothing", "StopLogging", (), faults.trail_stopped,
        proof="how soon CloudTrail's events come, only AWS can prove"),
    Row("nobody asks for cost.idle_hours", "nothing", "idle", ("idle",), within_seconds=0,
        proof="tests/infra/test_infra_quiet_day.py; it rings after hours: nobody waits here"),
    Row("the monitor is silent", "nothing", "monitor-silent", ("monitor-silent",),
        within_seconds=0,
        proof="tests/infra/test_infra_quiet_day.py; it rings after hours: nobody waits here"),
    Row("the pipeline hangs", "nothing", "learning-stuck", ("learning-stuck",), within_seconds=0,
        proof="tests/infra/test_infra_quiet_day.py; only AWS ends a machine for its time"),
    Row("the API's certificate is near its end", "nothing yet", "certificate-ends",
        ("certificate-ends",), within_seconds=0,
        proof="tests/infra/test_infra_quiet_day.py; no running server takes another certificate"),
    Row("the functions' runtime is near its end", "nothing yet", "runtime-ends",
        ("runtime-ends",), faults.runtime_near_its_end,
        proof="what the probe is told of is an older Python; AWS sets the days"),
)
# fmt: on


@dataclass(frozen=True)
class RowResult:
    """What came of a row. seconds: of AWS, until the message arrived; None: it did not, in time.

    seen: what a client got while it was broken; is_proven: here, and not by a test alone.
    """

    row: Row
    is_proven: bool
    seconds: float | None = None
    seen: str = ""
    missing: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it rang as it should; what is not proven here has its test."""
        in_time = self.seconds is not None and self.seconds <= self.row.within_seconds
        return not self.is_proven or (in_time and not self.missing)


@dataclass
class Ear:
    """A subscriber of the alert topic: a queue of its own, which hears what a person would."""

    deployment: Deployment
    url: str
    heard: list[str] = field(default_factory=list)

    def listen(self) -> list[str]:
        """All that was heard so far, what is new included."""
        for message in queues.receive_all(self.url):
            envelope = json.loads(message.body)
            self.heard.append(f"{envelope.get('Subject', '')}\n{envelope['Message']}")
            queues.delete(self.url, message.receipt)
        return self.heard


def ask_as_probe(deployment: Deployment) -> int:
    """The status that the probe's role gets, which the local stage lets its owner take."""
    return api_client.probe_as(deployment).status


def outages(
    deployment: Deployment,
    *,
    minute_seconds: float,
    rows: Sequence[Row] = MATRIX,
    ask: Ask = ask_as_probe,
) -> Iterator[RowResult]:
    """Cause each row in a local cloud that serves a released model, and tell how it rang.

    minute_seconds: what the local cloud was started with, LOCAL_CLOUD_MINUTE_SECONDS; ask: asks the
    API once, as somebody who may, and returns the status. A row begins
    where its alarms are quiet, and leaves the stage whole; while those of one become quiet, a row
    with others comes first. Raises OperateError where none becomes quiet.
    """
    if not deployment.place.is_local and not (deployment.place.home / "cloud.json").exists():
        raise OperateError("outages are caused in a local cloud alone: there is none here")
    stage, pace = Broken(deployment), minute_seconds / 60
    waiting = [row for row in rows if row.cause]
    with _ear(deployment) as ear:
        yield from (RowResult(row, is_proven=False) for row in rows if row.cause is None)
        while waiting:
            row = _await_quiet(deployment, waiting, 900 * pace)
            waiting.remove(row)
            assert row.cause, "only rows with a cause wait"
            yield _caused(row, row.cause, stage, ear, pace, ask)
        for row in rows:
            _await_quiet(deployment, [row], 900 * pace)


def describe(results: Sequence[RowResult]) -> str:
    """The matrix as a Markdown table; a row that is not proven here has no tick."""
    lines = [HEAD, RULE]
    for result in results:
        row = result.row
        after = "" if result.seconds is None else f"{result.seconds:.0f} s"
        mark = ("✓" if result.passed else "✗") if result.is_proven else ""
        lines.append(_line(row, after, " ".join(filter(None, (mark, row.proof)))))
    return "\n".join(lines)


def told(result: RowResult) -> str:
    """A row in a line, for a person who waits."""
    if not result.is_proven:
        return f"- {result.row.fault}: {result.row.proof}"
    if result.seconds is None:
        return f"✗ {result.row.fault}: no message that names {result.row.told}"
    said = f"{result.row.told} after {result.seconds:.0f} s of AWS time"
    silent = f"; silent: {', '.join(result.missing)}" if result.missing else ""
    return f"{'✓' if result.passed else '✗'} {result.row.fault}: {said}{silent}"


def _line(row: Row, *more: str) -> str:
    rings = ", ".join(map(_linked, dict.fromkeys((row.told, *row.rings))))
    return f"| {' | '.join((row.fault, row.sees, rings, *more))} |"


def _linked(name: str) -> str:
    """An alarm with its section of the runbooks; both calls of AWS share one."""
    section = "tampering" if name in CALLS else name
    return f"[`{name}`](runbooks.md#{section})"


def _caused(row: Row, cause: Cause, stage: Broken, ear: Ear, pace: float, ask: Ask) -> RowResult:
    before = len(ear.listen())
    began = time.monotonic()
    heard_after: float | None = None
    rung: set[str] = set()
    with cause(stage):
        seen = _seen(stage.deployment, ask) if row.told == FELT else ""
        deadline = began + 2 * row.within_seconds * pace
        while time.monotonic() < deadline:
            rung |= alarming(stage.deployment)
            if heard_after is None and _names(ear.listen()[before:], row.told):
                heard_after = (time.monotonic() - began) / pace
            if heard_after is not None and rung >= set(row.rings):
                break
            time.sleep(POLL_SECONDS)
    missing = tuple(name for name in row.rings if name not in rung)
    return RowResult(row, True, heard_after, seen, missing)


def _names(heard: Sequence[str], told: str) -> bool:
    """Whether a message says that this began; one that says that it is over does not."""
    return any(told in message and not message.startswith("OK:") for message in heard)


def _seen(deployment: Deployment, ask: Ask) -> str:
    """What a client gets now: a status, or what kept it from one."""
    try:
        return str(ask(deployment))
    except OSError as error:
        return type(error).__name__


def alarming(deployment: Deployment) -> set[str]:
    """The alarms of the stage that are in ALARM, by the ends of their names."""
    prefix = f"{deployment.place.name()}-"
    pages = client("cloudwatch").get_paginator("describe_alarms")
    found = pages.paginate(
        AlarmNamePrefix=prefix, StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    kinds = ("MetricAlarms", "CompositeAlarms")
    return {
        alarm["AlarmName"].removeprefix(prefix)
        for page in found
        for kind in kinds
        for alarm in page.get(kind, [])
    }


def _await_quiet(deployment: Deployment, rows: Sequence[Row], seconds: float) -> Row:
    """The first of these rows whose alarms are quiet, as soon as there is one."""
    deadline = time.monotonic() + seconds
    while True:
        ringing = alarming(deployment)
        for row in rows:
            if not ringing & row.alarms:
                return row
        if time.monotonic() > deadline:
            names = ", ".join(sorted(ringing & set().union(*(row.alarms for row in rows))))
            raise OperateError(f"the stage is whole again and still rings: {names}")
        time.sleep(POLL_SECONDS)


@contextmanager
def _ear(deployment: Deployment) -> Iterator[Ear]:
    topic, sqs, sns = deployment[outputs.ALERT_TOPIC_ARN], client("sqs"), client("sns")
    url = sqs.create_queue(QueueName=deployment.place.name("rehearsal"))["QueueUrl"]
    named = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = named["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscribed = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )
    try:
        yield Ear(deployment, url)
    finally:
        sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=url)
