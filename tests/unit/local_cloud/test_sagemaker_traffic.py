"""Shares of traffic, the stages of a rollout, and the ARNs that a call touches."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from local_cloud.sagemaker.hosting import traffic_shift
from local_cloud.sagemaker.hosting.traffic_shift import Shares, stages
from local_cloud.sagemaker.runtime import arns


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


START = "arn:aws:sagemaker:us-east-1:000000000000"


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("InvokeEndpoint", {"EndpointName": "Stars"}, ["endpoint/stars"]),
        (
            "CreateEndpoint",
            {"EndpointName": "E", "EndpointConfigName": "C"},
            ["endpoint/e", "endpoint-config/c"],
        ),
        ("DescribeModel", {"ModelName": "M"}, ["model/m"]),
        ("CreateModelPackage", {"ModelPackageGroupName": "G"}, ["model-package/g/*"]),
        ("StartPipelineExecution", {"PipelineName": "P"}, ["pipeline/p"]),
        ("StopTrainingJob", {"TrainingJobName": "T"}, ["training-job/t"]),
    ],
)
def test_a_call_is_authorized_on_everything_that_it_names(
    operation: str, request_: dict[str, str], expected: list[str]
) -> None:
    found = arns.resources(operation, request_, "000000000000", "us-east-1")
    assert found == [f"{START}:{name}" for name in expected]


def test_a_call_that_names_an_arn_or_nothing_keeps_it() -> None:
    package = f"{START}:model-package/g/1"
    for operation, field in [
        ("UpdateModelPackage", "ModelPackageArn"),
        ("DescribeModelPackage", "ModelPackageName"),
        ("AddTags", "ResourceArn"),
    ]:
        assert arns.resources(operation, {field: package}, "0", "x") == [package]
    assert arns.resources("ListModels", {}, "0", "x") == ["*"]


def test_only_the_path_of_an_invocation_names_an_endpoint() -> None:
    assert arns.invoked_endpoint("/endpoints/stars/invocations") == "stars"
    assert arns.invoked_endpoint("/endpoints/stars/async-invocations") is None
    assert arns.invoked_endpoint("/") is None
