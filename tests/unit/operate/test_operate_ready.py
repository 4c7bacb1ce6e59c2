"""An account that is not prepared, or in which somebody deploys: said before anything changes."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from infra.stage import CONFIGS
from lambdas.ports import parameters, stacks
from operate import bootstrap, cdk, ready
from operate.__main__ import run_cdk
from operate.errors import InputError
from operate.place import Place


@pytest.fixture(autouse=True)
def as_oneself(monkeypatch: pytest.MonkeyPatch) -> None:
    """No role of the bootstrap can be taken."""

    def refused(arn: str, session: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole")

    monkeypatch.setattr(bootstrap, "assume_role", refused)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (None, "region us-east-1 is not prepared for the CDK: an administrator runs"),
        ("5", "has a bootstrap of version 5, and 6 is needed: an administrator runs"),
    ],
)
def test_an_account_without_or_with_an_old_bootstrap_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, version: str | None, sentence: str
) -> None:
    monkeypatch.setattr(parameters, "find", {ready.VERSION: version}.get)
    with pytest.raises(InputError, match=f"{sentence}, once, make bootstrap STAGE=prod"):
        ready.check_bootstrap(Place("prod"))


@pytest.mark.parametrize("version", ["6", "30"])
def test_a_bootstrap_that_suffices_says_nothing(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(parameters, "find", {ready.VERSION: version}.get)
    ready.check_bootstrap(Place("prod"))


@pytest.mark.parametrize(
    ("part", "state", "is_refused"),
    [
        ("serving", "UPDATE_IN_PROGRESS", True),
        ("foundation", "CREATE_IN_PROGRESS", True),
        ("foundation", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True),
        ("serving", "UPDATE_COMPLETE", False),
        ("serving", "REVIEW_IN_PROGRESS", False),
        ("endpoint", "UPDATE_IN_PROGRESS", False),  # of a release
    ],
)
def test_two_deploys_at_once_are_one(
    monkeypatch: pytest.MonkeyPatch, part: str, state: str, is_refused: bool
) -> None:
    monkeypatch.setattr(
        stacks, "status_if_there", lambda name: state if name.endswith(f"-{part}") else None
    )
    if not is_refused:
        ready.check_alone(Place("prod"))
        return
    with pytest.raises(InputError, match=f"review-stars-prod-{part} is {state}: another deploy"):
        ready.check_alone(Place("prod"))


@pytest.mark.parametrize("named", ["", "aws://333333333333/eu-west-1"])
def test_a_bootstrap_is_of_the_stage_s_account_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    said: list[tuple[str, ...]] = []

    def run(variables: object, stage: str, *argv: str) -> int:
        said.append(argv)
        return 0

    monkeypatch.setattr(Place, "enter", lambda self: None)
    monkeypatch.setattr(cdk, "run", run)
    words = ["bootstrap", *filter(None, [named])]
    asked = Namespace(stage="prod", home=Path(".local"), stage_files=CONFIGS, argv=words)
    assert run_cdk(asked) == 0
    assert said == [("bootstrap", named or "aws://222222222222/us-east-1")]
