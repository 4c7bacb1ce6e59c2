"""A stage on AWS is deleted only where its name was given once more."""

from __future__ import annotations

import msgspec
import pytest
from botocore.exceptions import ClientError

from lambdas.contract.names import is_prediction_job
from lambdas.ports import jobs, models, stacks
from lambdas.ports.stacks import StackResource
from operate.destroy import _ended, destroy
from operate.errors import InputError
from operate.place import Place

STACK = "review-stars-dev-endpoint"
KEPT = (
    StackResource("AWS::S3::Bucket", "raw", goes=False),
    StackResource("AWS::S3::Bucket", "work", goes=True),
    StackResource("AWS::Lambda::Version", "function:1", goes=False),
)


class Stacks:
    """An account with these stacks, which hold nothing that must be emptied."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.protected = set(names)

    def status_if_there(self, name: str) -> str:
        return "UPDATE_COMPLETE" if name in self.names else ""

    def lift_protection(self, name: str) -> None:
        self.protected.remove(name)

    def delete(self, name: str, role_arn: str) -> None:
        assert name not in self.protected  # as CloudFormation refuses it
        self.names.remove(name)


def account(monkeypatch: pytest.MonkeyPatch, *names: str) -> Stacks:
    made = Stacks(*names)
    monkeypatch.setattr(stacks, "outputs", lambda name: {})
    monkeypatch.setattr(stacks, "status_if_there", made.status_if_there)
    monkeypatch.setattr(stacks, "delete", made.delete)
    monkeypatch.setattr(stacks, "role", lambda name: "")
    monkeypatch.setattr(stacks, "going", lambda name, kind: [])
    monkeypatch.setattr(stacks, "resources", lambda name: list(KEPT))
    monkeypatch.setattr(stacks, "lift_protection", made.lift_protection)
    monkeypatch.setattr(jobs, "stop_predictions", lambda stage: 0)
    monkeypatch.setattr(models, "sweep", lambda endpoint: 0)
    return made


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """One stack of the stage dev, with nothing of ours in it."""
    return account(monkeypatch, STACK)


@pytest.mark.parametrize("typed", ["", "yes", "DEV", "prod"])
def test_what_is_not_its_name_deletes_nothing(deployed: Stacks, typed: str) -> None:
    asked: list[str] = []
    with pytest.raises(InputError, match="nothing was changed"):
        destroy(Place("dev"), ask=lambda question: asked.append(question) or typed)
    assert len(asked) == 1
    assert deployed.names == [STACK]


def test_without_a_terminal_the_command_line_must_name_it(deployed: Stacks) -> None:
    with pytest.raises(InputError, match="make destroy STAGE=dev CONFIRM=dev"):
        destroy(Place("dev"))
    with pytest.raises(InputError, match="'prod' is not the name"):
        destroy(Place("dev"), confirmed="prod")
    assert deployed.names == [STACK]


def test_what_would_go_is_said_before_the_question(deployed: Stacks) -> None:
    said: list[str] = []
    with pytest.raises(InputError):
        destroy(Place("dev"), log=said.append)
    assert "deletes 1 stacks of stage dev in account 111111111111, us-east-1" in said[0]
    assert STACK in said[0]
    assert "1 resources are kept" in said[0]


@pytest.mark.parametrize("confirmed", [True, False])
def test_its_name_deletes_it(deployed: Stacks, confirmed: bool) -> None:
    said: list[str] = []
    if confirmed:
        destroy(Place("dev"), confirmed="dev", log=said.append)
    else:
        destroy(Place("dev"), ask=lambda question: " dev\n", log=said.append)
    assert f"deleted {STACK}" in said
    assert [line for line in said if line.startswith("kept: ")] == ["kept: AWS::S3::Bucket raw"]
    assert deployed.names == []


def test_a_stage_whose_file_asks_for_nothing_is_deleted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its label decides nothing: what `confirm` lists does."""
    name = "review-stars-local-endpoint"
    made = account(monkeypatch, name)
    destroy(Place("local"), log=lambda line: None)
    assert made.names == []
    account(monkeypatch, name)
    place = Place("local")
    asking = msgspec.structs.replace(place.settings.protection, confirm=["destroy"])
    place.__dict__["settings"] = msgspec.structs.replace(place.settings, protection=asking)
    with pytest.raises(InputError, match="make destroy STAGE=local CONFIRM=local"):
        destroy(place, log=lambda line: None)


def test_where_nothing_is_deployed_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    account(monkeypatch)
    said: list[str] = []
    destroy(Place("prod"), log=said.append)
    assert said == [
        "stage prod is not deployed in account 222222222222, us-east-1: there is nothing to delete"
    ]


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("review-stars-dev-predict-20261128-120000", "dev"),
        ("review-stars-dev-predict-predict-20261128-120000", "dev-predict"),
        ("review-stars-dev-two-predict-20261128-120000", "dev-two"),
        ("review-stars-dev-predict-20261128-120000-two", ""),
    ],
)
def test_a_job_is_one_of_exactly_one_stage(name: str, stage: str) -> None:
    stages = ("dev", "dev-predict", "dev-two", "de")
    assert [other for other in stages if is_prediction_job(name, other)] == [stage] * bool(stage)


def test_a_stack_that_goes_between_two_looks_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> str:
        message = f"Stack with id {name} does not exist"
        raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "Describe")

    monkeypatch.setattr(stacks, "exists", lambda name: True)  # as the first look has it
    monkeypatch.setattr(stacks, "status", gone)
    assert _ended(STACK)
