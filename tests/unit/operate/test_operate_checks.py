"""What a deploy would do in vain is refused before it begins."""

from __future__ import annotations

import msgspec
import pytest
from botocore.exceptions import ClientError

from operate.checks import check, check_quota, looked_at
from operate.errors import InputError
from operate.place import Place


def place(**alerts: object) -> Place:
    """The stage prod, with its alerts going elsewhere."""
    found = Place("prod")
    settings = found.settings
    alerts = {"emails": ["oncall@shop.de"], **alerts}
    changed = msgspec.structs.replace(settings.alerts, **alerts)
    found.__dict__["settings"] = msgspec.structs.replace(settings, alerts=changed)
    return found


def test_the_file_as_it_comes_reaches_nobody() -> None:
    with pytest.raises(InputError, match=r"configs/prod\.yaml: alerts\.emails is oncall@example"):
        check(Place("prod"))


@pytest.mark.parametrize(
    "email",
    ["a@example.com", "a@mail.example.org", "a@shop.example", "a@host.invalid", "a@shop.test"],
)
def test_an_example_s_address_is_refused(email: str) -> None:
    with pytest.raises(InputError, match="reaches nobody"):
        check(place(emails=["oncall@shop.de", email]))


@pytest.mark.parametrize("email", ["a@shop.de", "a@exampleshop.com", "a@testing.io", "a@test.org"])
def test_an_address_that_is_somebody_s_is_taken(email: str) -> None:
    check(place(emails=[email]))


def test_an_account_that_runs_less_than_the_stage_counts_on_is_told(monkeypatch) -> None:
    monkeypatch.setattr("lambdas.ports.functions.concurrency_quota", lambda: 10)
    with pytest.raises(
        InputError, match=r"runs 10 functions at once.*counts on 1000.*set it to 10"
    ):
        check_quota(place())
    monkeypatch.setattr("lambdas.ports.functions.concurrency_quota", lambda: 1000)
    check_quota(place())


def test_who_may_not_ask_for_the_quota_deploys_all_the_same(monkeypatch) -> None:
    def denied() -> int:
        raise failing("AccessDeniedException")

    monkeypatch.setattr("lambdas.ports.functions.concurrency_quota", denied)
    said: list[str] = []
    check_quota(place(), said.append)
    assert said[0].startswith("Lambda's quota of this account was not looked at: ")


def failing(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")


def test_who_may_deploy_and_may_not_look_is_told_so() -> None:
    """As a workflow's role, which may take the CDK's roles alone."""
    said: list[str] = []

    def denied() -> bool:
        raise failing("AccessDenied")

    assert looked_at("what was kept", denied, False, said.append) is False
    assert said[0].startswith("what was kept was not looked at: ")

    def broken() -> bool:
        raise failing("InternalError")

    with pytest.raises(ClientError):
        looked_at("what was kept", broken, False, said.append)
