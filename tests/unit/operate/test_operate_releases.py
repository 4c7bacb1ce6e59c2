"""Which package is released, gone back to, put to sleep; and what is said before."""

from __future__ import annotations

import json

import pytest

from lambdas.contract.keys import ASLEEP
from operate import packages, releases
from operate.errors import InputError
from tests.unit.operate.conftest import MODELS, Aws


def test_a_rollback_says_before_what_it_does_and_what_a_second_one_would(aws: Aws) -> None:
    first, second = aws.register(), aws.register()
    aws.go_live(first, "1")
    aws.go_live(second, "2")
    said: list[str] = []
    releases.rollback(aws.deployment, "", log=said.append)
    line = "version 2 is live; version 1 takes its place, and a second rollback brings version 2"
    assert said == [f"{line} back"]
    assert aws.started("release") == [{"model_package_arn": first}]


def test_a_rollback_to_a_version_that_is_none_names_those_that_are(aws: Aws) -> None:
    aws.go_live(aws.register(), "1")
    with pytest.raises(InputError, match=r"has no version 9: known are 1 \(Approved\)"):
        releases.rollback(aws.deployment, "9")
    assert aws.started("release") == []


def test_the_live_version_is_nothing_to_roll_back_to(aws: Aws) -> None:
    aws.go_live(aws.register(), "1")
    with pytest.raises(InputError, match="version 1 is live already"):
        releases.rollback(aws.deployment, "1")
    with pytest.raises(InputError, match="no version was live before"):
        releases.rollback(aws.deployment, "")


def test_a_forced_rollback_says_so_to_the_machine(aws: Aws) -> None:
    first = aws.register()
    aws.go_live(first, "1")
    aws.go_live(aws.register(), "2")
    releases.rollback(aws.deployment, "1", force=True, log=lambda line: None)
    assert aws.started("release") == [{"model_package_arn": first, "force": True}]


def test_without_a_version_the_newest_that_is_pending_is_released(aws: Aws) -> None:
    aws.register("PendingManualApproval")
    wanted = aws.register("PendingManualApproval")
    aws.register("Rejected")
    releases.release(aws.deployment, "", force=True)
    described = aws.client("sagemaker").describe_model_package(ModelPackageName=wanted)
    assert described["ModelApprovalStatus"] == "Approved"
    assert aws.started("release") == [{"model_package_arn": wanted, "force": True}]


def test_an_approved_version_is_released_again_without_a_new_approval(aws: Aws) -> None:
    wanted = aws.register()
    releases.release(aws.deployment, "1")
    assert aws.started("release") == [{"model_package_arn": wanted}]


@pytest.mark.parametrize(
    ("version", "wanted"), [("", "version that is pending"), ("4", "version 4")]
)
def test_what_cannot_be_released_is_said_with_what_can(aws: Aws, version: str, wanted: str) -> None:
    aws.register()
    with pytest.raises(InputError, match=rf"has no {wanted}: known are 1 \(Approved\)"):
        releases.release(aws.deployment, version)


def test_what_sleeps_is_woken_past_its_alarms(aws: Aws) -> None:
    package = aws.register()
    record = json.dumps({"model_package_arn": package}).encode()
    aws.client("s3").put_object(Bucket=MODELS, Key=ASLEEP, Body=record)
    releases.wake(aws.deployment)
    assert aws.started("release") == [{"model_package_arn": package, "force": True}]


def test_only_what_is_live_can_sleep_and_only_what_sleeps_can_wake(aws: Aws) -> None:
    with pytest.raises(InputError, match="nothing to put to sleep"):
        releases.sleep(aws.deployment)
    with pytest.raises(InputError, match="no package was put to sleep"):
        releases.wake(aws.deployment)


def test_without_a_version_the_live_package_is_meant(aws: Aws) -> None:
    with pytest.raises(InputError, match="no model is live: name a version"):
        packages.find(aws.deployment)
    package = aws.register()
    aws.go_live(package, "1")
    assert packages.find(aws.deployment).arn == package
