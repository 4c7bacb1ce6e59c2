"""Alarms judged as CloudWatch does, and sent only where topic and key let CloudWatch in.

Gap: MiniStack judges over all dimensions of a metric, at irregular moments, with no rule for
missing data, and publishes past every policy; a template with metric math it does not deploy.
Delete when it keeps these rules. How one alarm is judged, and what stays different: `judgement.py`.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from local_cloud.extension import clock, judgement, metrics
from local_cloud.permissions import topics

logger = logging.getLogger(__name__)
TICK_SECONDS = 1.0
SERVICE = "cloudwatch.amazonaws.com"
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
        now = clock.aws_seconds(time.time())
        since = _since.setdefault(arn, now)
        new = judgement.state(alarm, _points, since=since, now=now)
        old = alarm.get("StateValue", "INSUFFICIENT_DATA")
        if new == old:
            return
        judged = alarm.get("MetricName") or "metric math"
        reason = f"{judged} is {new} by {alarm.get('ComparisonOperator')} "
        reason += f"{alarm.get('Threshold')} over {alarm.get('EvaluationPeriods', 1)} periods"
        alarm["StateValue"], alarm["StateReason"] = new, reason
        alarm["StateUpdatedTimestamp"] = int(time.time())
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)


def _points(metric: Mapping[str, Any]) -> list[dict[str, Any]]:
    dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions") or []}
    key = (metric.get("Namespace"), metric.get("MetricName"), cloudwatch._dims_key(dimensions))
    points = list(cloudwatch._metrics.get(key) or [])
    return [{**p, "Timestamp": clock.aws_seconds(p["Timestamp"])} for p in points]


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
