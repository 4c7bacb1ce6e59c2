"""What a deploy would do in vain is refused before it begins."""

from __future__ import annotations

import msgspec
import pytest
from botocore.exceptions import ClientError

from operate.checks import check, looked_at
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
