"""A first deploy that failed can be repeated, also where CloudFormation protects the stacks."""

from __future__ import annotations

import os

import pytest

from lambdas.ports import stacks
from lambdas.ports.roles import Credentials
from operate import bootstrap, half_made
from operate.place import Place

STATES = {"foundation": "ROLLBACK_COMPLETE", "learning": "CREATE_COMPLETE"}


@pytest.fixture
def lifted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Stacks whose protection was lifted, each with the key that did it."""
    found: list[tuple[str, str]] = []

    def part(name: str) -> str:
        return name.rpartition("-")[2]

    def lift(name: str) -> None:
        found.append((part(name), os.environ["AWS_ACCESS_KEY_ID"]))

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "deployer")
    monkeypatch.setattr(stacks, "status_if_there", lambda name: STATES.get(part(name), ""))
    monkeypatch.setattr(stacks, "lift_protection", lift)
    return found


def test_only_what_was_never_made_loses_its_protection(
    lifted: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def assume(arn: str, session: str) -> Credentials:
        taken.append(arn)
        return Credentials("cdk", "secret", "token")

    monkeypatch.setattr(bootstrap, "assume_role", assume)
    half_made.release(Place("prod"), log=lambda line: None)
    assert lifted == [("foundation", "cdk")]
    assert taken == [
        "arn:aws:iam::222222222222:role/cdk-hnb659fds-deploy-role-222222222222-us-east-1"
    ]
    assert os.environ["AWS_ACCESS_KEY_ID"] == "deployer"
