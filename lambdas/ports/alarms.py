"""CloudWatch alarms."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.ports.clients import client


def ringing(prefix: str) -> dict[str, str]:
    """Alarms in ALARM whose names begin so, composite ones too, with what they say."""
    pages = (
        client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(
            AlarmNamePrefix=prefix, StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
    )
    return {
        alarm["AlarmName"]: alarm.get("AlarmDescription", "")
        for page in pages
        for kind in ("MetricAlarms", "CompositeAlarms")
        for alarm in page.get(kind, [])
        if alarm["StateValue"] == "ALARM"
    }


def in_alarm(names: Sequence[str]) -> list[str]:
    """Those of the named alarms that are in ALARM now."""
    if not names:
        return []
    answer = client("cloudwatch").describe_alarms(AlarmNames=list(names), StateValue="ALARM")
    found = [alarm["AlarmName"] for alarm in answer.get("MetricAlarms", [])]
    return sorted(name for name in found if name in names)
