"""Shares of traffic, and the steps of a rollout."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from local_cloud.sagemaker.hosting import traffic_shift
from local_cloud.sagemaker.hosting.traffic_shift import Shares, stages


def test_a_share_is_kept_exactly_and_not_only_on_average() -> None:
    shares = Shares([("new", 0.1), ("old", 0.9)])
    picks = [shares.pick() for _ in range(100)]
    assert Counter(picks) == {"new": 10, "old": 90}
    for start in range(90):
        assert picks[start : start + 10].count("new") == 1


def test_a_target_without_a_share_is_never_picked() -> None:
    shares = Shares([("gone", 0.0), ("here", 1.0)])
    assert {shares.pick() for _ in range(10)} == {"here"}
    assert not Shares([("gone", 0.0)])
    with pytest.raises(LookupError):
        Shares([]).pick()


def policy(kind: str, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": 60, **more}
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 5,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    }


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        (None, [(1.0, 0.0)]),
        (policy("ALL_AT_ONCE"), [(1.0, 60.0)]),
        (policy("CANARY", CanarySize=percent(25)), [(0.25, 60.0), (1.0, 60.0)]),
        (
            policy("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}),
            [(0.5, 60.0), (1.0, 60.0)],
        ),
        (
            policy("LINEAR", LinearStepSize=percent(40)),
            [(0.4, 60.0), (0.8, 60.0), (1.0, 60.0)],
        ),
    ],
)
def test_a_rollout_goes_in_the_stages_of_its_policy(
    deployment: dict[str, Any] | None, expected: list[tuple[float, float]]
) -> None:
    assert stages(deployment, instance_count=2) == expected


def test_alarms_and_termination_are_read_from_the_deployment() -> None:
    assert traffic_shift.alarm_names(policy("CANARY")) == ["errors"]
    assert traffic_shift.alarm_names(None) == []
    assert traffic_shift.termination_seconds(policy("CANARY")) == 5
    assert traffic_shift.termination_seconds(None) == 0
