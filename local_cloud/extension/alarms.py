"""Alarms judged as CloudWatch does, and sent only where topic and key let CloudWatch in.

Gap: MiniStack judges over all dimensions of a metric, at irregular moments, with no rule for
missing data, and publishes past every policy; a template with metric math it does not deploy.
Delete when it keeps these rules. Differences that stay: periods end now, not on the clock; an
alarm is not judged on the time before it existed; metric math is not judged, which is logged.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from local_cloud.extension import metrics
from local_cloud.permissions import topics

logger = logging.getLogger(__name__)
TICK_SECONDS = 1.0
SERVICE = "cloudwatch.amazonaws.com"
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}

ACTIONS = {
    "ALARM": "AlarmActions",
    "OK": "OKActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
AlarmRecord = dict[str, Any]
_since: dict[str, float] = {}  # alarm ARN -> when it was first seen
_judging = threading.RLock()


def install() -> None:
    """Take the place of MiniStack's judge, and look each second."""
    dispatch: Callable[..., None] = cloudwatch._dispatch_alarm_actions

    def dispatch_alarm_actions(alarm: AlarmRecord, old: str, new: str, reason: str) -> None:
        field = ACTIONS[new]
        reachable = _reachable(alarm, alarm.get(field) or [])
        dispatch({**alarm, field: reachable}, old, new, reason)

    one_metric: Callable[..., AlarmRecord] = provisioners._cw_metric_alarm_record

    def metric_alarm_record(name: str, properties: Mapping[str, Any]) -> AlarmRecord:
        queries = properties.get("Metrics")
        if not queries:
            return one_metric(name, properties)
        # It asks for one metric, which this alarm has not: put there, and taken out again.
        others = {key: value for key, value in properties.items() if key != "Metrics"}
        record = one_metric(name, {**others, "MetricName": "-", "Namespace": "-"})
        return {**record, "MetricName": None, "Namespace": None, "Metrics": queries}

    provisioners._cw_metric_alarm_record = metric_alarm_record
    cloudwatch._dispatch_alarm_actions = dispatch_alarm_actions
    cloudwatch._evaluate_alarm = evaluate
    threading.Thread(target=_watch, daemon=True, name="alarms").start()


def _watch() -> None:
    pause = threading.Event()
    while not pause.wait(TICK_SECONDS):
        try:
            judge_all()
        except Exception:
            logger.exception("alarms could not be judged")


def judge_all() -> None:
    """Measure what nobody reports, then judge every alarm."""
    metrics.measure_queues()
    for alarm in list(cloudwatch._alarms.values()):
        evaluate(alarm)


def evaluate(alarm: AlarmRecord) -> None:
    """Judge one alarm now, and act where its state changes."""
    with _judging:
        arn = str(alarm.get("AlarmArn") or alarm["AlarmName"])
        first_seen = arn not in _since
        since = _since.setdefault(arn, time.time())
        if alarm.get("Metrics"):
            if first_seen:
                logger.error("alarm %s uses metric math, which is not judged here", arn)
            return
        new = state(alarm, _points(alarm), since=since, now=time.time())
        old = alarm.get("StateValue", "INSUFFICIENT_DATA")
        if new == old:
            return
        reason = f"{alarm.get('MetricName')} is {new} by {alarm.get('ComparisonOperator')} "
        reason += f"{alarm.get('Threshold')} over {alarm.get('EvaluationPeriods', 1)} periods"
        alarm["StateValue"], alarm["StateReason"] = new, reason
        alarm["StateUpdatedTimestamp"] = int(time.time())
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)


def state(alarm: AlarmRecord, points: Sequence[dict[str, Any]], *, since: float, now: float) -> str:
    """The state that the last periods give, by the alarm's rule for missing data.

    since: when the alarm began to exist, seconds; periods that begin before it and hold nothing
    do not count as missing.
    """
    period = float(alarm.get("Period") or 60)
    wanted = int(alarm.get("EvaluationPeriods") or 1)
    needed = int(alarm.get("DatapointsToAlarm") or wanted)
    rule = alarm.get("TreatMissingData") or "missing"
    verdicts: list[bool | None] = []
    for i in range(wanted):
        end = now - i * period
        inside = [point for point in points if end - period <= point["Timestamp"] < end]
        if not inside and end - period < since:
            continue
        verdicts.append(_breaches(alarm, inside, rule))
    if not verdicts:
        return "OK" if rule == "notBreaching" else "INSUFFICIENT_DATA"
    if sum(verdict is True for verdict in verdicts) >= needed:
        return "ALARM"
    if all(verdict is None for verdict in verdicts):
        kept = str(alarm.get("StateValue", "INSUFFICIENT_DATA"))
        return kept if rule == "ignore" else "INSUFFICIENT_DATA"
    return "OK"


def _breaches(alarm: AlarmRecord, points: list[dict[str, Any]], rule: str) -> bool | None:
    """Whether one period breaches; None: it holds nothing and the rule gives no answer."""
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    value = None
    if points:
        value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    if value is None:
        return {"breaching": True, "notBreaching": False}.get(rule)
    return COMPARE[alarm["ComparisonOperator"]](float(value), float(alarm["Threshold"]))


def _points(alarm: AlarmRecord) -> list[dict[str, Any]]:
    dimensions = {d["Name"]: d["Value"] for d in alarm.get("Dimensions") or []}
    key = (alarm.get("Namespace"), alarm.get("MetricName"), cloudwatch._dims_key(dimensions))
    return list(cloudwatch._metrics.get(key) or [])


def _reachable(alarm: AlarmRecord, actions: list[str]) -> list[str]:
    """Those topics that CloudWatch may publish to, and whose key, if any, it may use."""
    return [
        arn for arn in actions if not arn.startswith("arn:aws:sns:") or _may_publish(alarm, arn)
    ]


def _may_publish(alarm: AlarmRecord, topic_arn: str) -> bool:
    source = alarm.get("AlarmArn", "")
    may = topics.lets_in(SERVICE, topic_arn, source_arn=source)
    if not may:
        logger.error("alarm %s cannot notify: CloudWatch may not use %s", source, topic_arn)
    return may
