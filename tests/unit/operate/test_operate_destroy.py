"""A stage on AWS is deleted only where its name was given once more."""

from __future__ import annotations

import pytest

from lambdas.ports import jobs, stacks
from operate.destroy import destroy
from operate.errors import InputError
from operate.place import Place

STACK = "review-stars-dev-endpoint"


class Stacks:
    """An account with these stacks, which hold nothing that must be emptied."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def exists(self, name: str) -> bool:
        return name in self.names

    def delete(self, name: str, role_arn: str) -> None:
        self.names.remove(name)


def account(monkeypatch: pytest.MonkeyPatch, *names: str) -> Stacks:
    made = Stacks(*names)
    monkeypatch.setattr(stacks, "outputs", lambda name: {})
    monkeypatch.setattr(stacks, "exists", made.exists)
    monkeypatch.setattr(stacks, "delete", made.delete)
    monkeypatch.setattr(stacks, "role", lambda name: "")
    monkeypatch.setattr(stacks, "going", lambda name, kind: [])
    monkeypatch.setattr(jobs, "stop_running", lambda prefix: 0)
    return made


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """One stack of the stage dev, with nothing of ours in it."""
    return account(monkeypatch, STACK)


@pytest.mark.parametrize("typed", ["", "yes", "DEV", "prod"])
def test_what_is_not_its_name_deletes_nothing(deployed: Stacks, typed: str) -> None:
    asked: list[str] = []
    with pytest.raises(InputError, match="nothing was deleted"):
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


@pytest.mark.parametrize("confirmed", [True, False])
def test_its_name_deletes_it(deployed: Stacks, confirmed: bool) -> None:
    said: list[str] = []
    if confirmed:
        destroy(Place("dev"), confirmed="dev", log=said.append)
    else:
        destroy(Place("dev"), ask=lambda question: " dev\n", log=said.append)
    assert f"deleted {STACK}" in said
    assert deployed.names == []


def test_where_nothing_is_deployed_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    account(monkeypatch)
    said: list[str] = []
    destroy(Place("prod"), log=said.append)
    assert said == [
        "stage prod is not deployed in account 222222222222, us-east-1: there is nothing to delete"
    ]
