"""What a deploy would do in vain is refused before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from infra.stage import CONFIGS
from lambdas.ports.identity import CallerIdentity
from lambdas.ports.quotas import Quota
from operate.checks import check, check_deployer, check_quotas, instances, looked_at
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


NAMES = {
    "ml.c7i.large for endpoint usage": 8,
    "ml.m5.xlarge for spot training job usage": 1,
    "ml.m5.xlarge for processing job usage": 2,
}


def account(monkeypatch: pytest.MonkeyPatch, *, functions: int = 1000, **few: float) -> None:
    """An account with what prod counts on; few: the first word of a quota, and its value."""
    listed = {
        name: Quota(name, f"L-{n}", float(value)) for n, (name, value) in enumerate(NAMES.items())
    }
    for name, quota in listed.items():
        if (word := name.split()[0].replace(".", "_")) in few:
            listed[name] = Quota(name, quota.code, few[word])
    monkeypatch.setattr("lambdas.ports.functions.concurrency_quota", lambda: functions)
    monkeypatch.setattr("lambdas.ports.quotas.quotas", lambda service: listed)


ACCOUNT = "222222222222"


@pytest.mark.parametrize(
    ("caller", "is_let_in"),
    [
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/lead/anna", True),  # her role has a path
        (f"arn:aws:iam::{ACCOUNT}:user/ops", True),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/review-stars-prod-deployer-us-east-1/a", True),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/review-stars-prod-deploy-us-east-1/a", True),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/a", False),
        ("arn:aws:sts::333333333333:assumed-role/lead/anna", False),
        (f"arn:aws:iam::{ACCOUNT}:root", False),
    ],
)
def test_who_is_not_named_does_not_deploy(monkeypatch, caller: str, is_let_in: bool) -> None:
    monkeypatch.setattr("lambdas.ports.identity.caller", lambda: CallerIdentity(ACCOUNT, caller))
    found = place()
    check_deployer(found)  # the file names nobody
    named = [f"arn:aws:iam::{ACCOUNT}:role/team/lead", f"arn:aws:iam::{ACCOUNT}:user/ops"]
    delivery = msgspec.structs.replace(found.settings.delivery, deployer_principals=named)
    found.__dict__["settings"] = msgspec.structs.replace(found.settings, delivery=delivery)
    if is_let_in:
        check_deployer(found)
        return
    with pytest.raises(InputError, match=r"configs/prod\.yaml names who deploys prod .*nobody of"):
        check_deployer(found)


@pytest.fixture(autouse=True)
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The CDK's roles that were taken to look: none lets these tests in."""
    taken: list[str] = []

    def assume(arn: str, session: str) -> Any:
        taken.append(arn)
        raise failing("AccessDenied")

    monkeypatch.setattr("operate.bootstrap.assume_role", assume)
    return taken


def test_quotas_are_looked_up_by_the_role_that_may(monkeypatch, looked_up: list[str]) -> None:
    account(monkeypatch)
    check_quotas(place())
    [role] = looked_up
    assert role.endswith(f":role/cdk-hnb659fds-lookup-role-{ACCOUNT}-us-east-1")


def test_an_account_that_runs_less_than_the_stage_counts_on_is_told(monkeypatch) -> None:
    account(monkeypatch, functions=10)
    with pytest.raises(
        InputError, match=r"runs 10 functions at once, and configs/prod\.yaml counts on 1000"
    ):
        check_quotas(place())
    account(monkeypatch)
    check_quotas(place())


def test_a_quota_is_said_with_the_file_that_the_stage_was_read_from(
    monkeypatch, tmp_path: Path
) -> None:
    (tmp_path / "prod.yaml").write_bytes((CONFIGS / "prod.yaml").read_bytes())
    account(monkeypatch, functions=10)
    with pytest.raises(InputError, match=rf"and {tmp_path.name}/prod\.yaml counts on 1000"):
        check_quotas(Place("prod", stage_files=tmp_path))


def test_a_new_account_that_may_have_no_instance_is_told_before_anything_changes(
    monkeypatch,
) -> None:
    account(monkeypatch, ml_c7i_large=0, ml_m5_xlarge=1)
    with pytest.raises(InputError) as told:
        check_quotas(place())
    said = str(told.value)
    assert '"ml.c7i.large for endpoint usage" (L-0) is 0 and must be 8' in said
    assert '"ml.m5.xlarge for processing job usage" (L-2) is 1 and must be 2' in said
    assert "spot training" not in said
    assert "--region us-east-1 --quota-code L-0 --desired-value 8" in said
    assert said.endswith("nothing was deployed")


def test_a_quota_that_nobody_knows_by_its_name_is_said_and_stops_nothing(monkeypatch) -> None:
    account(monkeypatch)
    monkeypatch.setattr(
        "lambdas.ports.quotas.quotas",
        lambda service: {"another": Quota("another", "L-9", 0)},
    )
    said: list[str] = []
    check_quotas(place(), said.append)
    [line] = said
    assert line.startswith('Service Quotas does not know "ml.c7i.large for endpoint usage", "ml.m5')


def test_a_serverless_endpoint_needs_no_instance() -> None:
    dev = Place("dev").settings
    assert not [name for name in instances(dev) if name.endswith("endpoint usage")]


def test_who_may_not_ask_for_a_quota_deploys_all_the_same(monkeypatch) -> None:
    def denied(*_: str) -> Any:
        raise failing("AccessDeniedException")

    monkeypatch.setattr("lambdas.ports.functions.concurrency_quota", denied)
    monkeypatch.setattr("lambdas.ports.quotas.quotas", denied)
    said: list[str] = []
    check_quotas(place(), said.append)
    assert [line.split(": ")[1] for line in said] == [
        "Lambda's quota of this account",
        "SageMaker's quotas of this account",
    ]


def failing(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")


def test_who_may_deploy_and_may_not_look_is_told_so() -> None:
    """As a workflow's role, which may take the CDK's roles alone."""
    said: list[str] = []

    def denied() -> bool:
        raise failing("AccessDenied")

    assert looked_at("what was kept", denied, False, said.append) is False
    assert said[0].startswith("not looked at: what was kept: ")

    def broken() -> bool:
        raise failing("InternalError")

    with pytest.raises(ClientError):
        looked_at("what was kept", broken, False, said.append)
