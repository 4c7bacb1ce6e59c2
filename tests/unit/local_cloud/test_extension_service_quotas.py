"""A deploy asks the local cloud's Service Quotas as it asks AWS's."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.ports import functions, quotas, roles
from local_cloud.extension import service_quotas
from operate.checks import check_quotas, instances
from operate.errors import InputError
from operate.place import Place
from tests.unit.local_cloud.conftest import Cloud, may

SERVING = "ml.c7i.large for endpoint usage"


@pytest.fixture
def asking(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Our port asks this cloud, as the account's root; it has no roles of the CDK."""
    monkeypatch.setattr(roles, "client", cloud.client)
    monkeypatch.setattr(quotas, "client", cloud.client)
    monkeypatch.setattr(functions, "concurrency_quota", lambda: 1000)
    return cloud


def request(cloud: Cloud, name: str, value: float) -> None:
    cloud.client("service-quotas").request_service_quota_increase(
        ServiceCode="sagemaker", QuotaCode=service_quotas.code(name), DesiredValue=value
    )


@pytest.mark.parametrize("label", ["dev", "prod"])
def test_every_quota_that_a_stage_counts_on_is_there(asking: Cloud, label: str) -> None:
    found = quotas.quotas("sagemaker")
    wanted = instances(Place(label).settings)
    assert wanted.keys() <= found.keys()
    said: list[str] = []
    check_quotas(Place(label), said.append)
    assert said == []


def test_a_new_account_is_refused_until_it_was_given_more(asking: Cloud) -> None:
    request(asking, SERVING, 0)
    with pytest.raises(InputError, match=f'"{SERVING}" .{service_quotas.code(SERVING)}. is 0 and'):
        check_quotas(Place("prod"))
    request(asking, SERVING, 8)
    check_quotas(Place("prod"))


def test_who_may_not_ask_is_told_and_goes_on(
    asking: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    request(asking, SERVING, 0)
    role = asking.role("deployer", "account", may("sts:AssumeRole"))
    keys: Any = asking.assume(role)
    monkeypatch.setattr(quotas, "client", lambda service: asking.client(service, keys))
    said: list[str] = []
    check_quotas(Place("prod"), said.append)
    [line] = said
    assert line.startswith("not looked at: SageMaker's quotas of this account: ")
