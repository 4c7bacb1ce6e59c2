"""Which package is released, gone back to, put to sleep; and what is said before."""

from __future__ import annotations

import msgspec
import pytest

from lambdas.contract import outputs
from lambdas.ports import stacks
from operate import decisions, packages, releases
from operate.errors import InputError
from tests.unit.operate.conftest import MODELS, ROLE, Aws


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
    decisions.record(aws.deployment, "sleep", package)
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


def put_to_sleep(aws: Aws, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As the command does it; the stack of the pretended account takes any parameters."""
    aws.go_live(package, "1")
    aws.deployment.outputs[outputs.ENDPOINT_ROLE_ARN] = ROLE
    monkeypatch.setattr(stacks, "settled", lambda name: "UPDATE_COMPLETE")

    def update(name: str, changed: dict[str, str], role_arn: str) -> None:
        live = {"Name": "/live", "Value": "none", "Type": "String", "Overwrite": True}
        aws.client("ssm").put_parameter(**live)

    monkeypatch.setattr(stacks, "update_parameters", update)
    releases.sleep(aws.deployment)


def test_the_history_says_who_decided_what_sleep_and_wake_too(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = aws.register()
    put_to_sleep(aws, monkeypatch, package)
    releases.wake(aws.deployment)
    me = aws.client("sts").get_caller_identity()["Arn"]
    lines = {decisions.line(record) for record in decisions.history(aws.deployment)}
    assert {f"sleep of version 1, by {me}", f"wake of version 1, by {me}"} < lines
    assert "version 1 released: no reason given" in lines
    assert next(decisions.history(aws.deployment))["outcome"] == "asked"


def test_what_is_live_is_not_woken_over(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine has released another package while the stage slept."""
    first, second = aws.register(), aws.register()
    put_to_sleep(aws, monkeypatch, first)
    aws.go_live(second, "2")
    with pytest.raises(InputError, match="version 2 is live: nothing sleeps"):
        releases.wake(aws.deployment)
    assert aws.started("release") == []


@pytest.mark.parametrize("command", ["release", "rollback", "sleep", "wake"])
def test_a_stage_that_asks_is_changed_by_nobody_without_its_name(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    first, second = aws.register(), aws.register()
    if command == "wake":
        put_to_sleep(aws, monkeypatch, first)
    else:
        aws.go_live(first, "1")
        aws.go_live(second, "2")
    settings = aws.deployment.place.settings
    asking = msgspec.structs.replace(settings.protection, confirm=[command])
    aws.deployment.place.__dict__["settings"] = msgspec.structs.replace(settings, protection=asking)
    before = aws.client("s3").list_objects_v2(Bucket=MODELS)["KeyCount"]
    versions = ("1",) if command in ("release", "rollback") else ()
    act = getattr(releases, command)
    wrong = releases.Confirmation("prod", log=lambda line: None)
    with pytest.raises(InputError, match=f"make {command} STAGE=dev CONFIRM=dev"):
        act(aws.deployment, *versions, given=wrong)
    asked: list[str] = []
    no = releases.Confirmation("", lambda text: asked.append(text) or "no", lambda line: None)
    with pytest.raises(InputError, match="'no' is not the name of the stage"):
        act(aws.deployment, *versions, given=no)
    assert len(asked) == 1
    assert aws.started("release") == []
    assert aws.client("s3").list_objects_v2(Bucket=MODELS)["KeyCount"] == before
    right = releases.Confirmation("dev", log=lambda line: None)
    if command != "sleep":  # its stack is none here
        act(aws.deployment, *versions, given=right)
        assert len(aws.started("release")) == 1
