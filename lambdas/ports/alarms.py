"""CloudWatch alarms."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.ports.clients import client


def in_alarm(names: Sequence[str]) -> list[str]:
    """Those of the named alarms that are in ALARM now."""
    if not names:
        return []
    answer = client("cloudwatch").describe_alarms(AlarmNames=list(names), StateValue="ALARM")
    found = [alarm["AlarmName"] for alarm in answer.get("MetricAlarms", [])]
    return sorted(name for name in found if name in names)
