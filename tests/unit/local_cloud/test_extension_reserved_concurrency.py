"""A stack reserves executions for a function, and none that Lambda keeps for the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.local_cloud.conftest import Cloud, deploy


def function(cloud: Cloud, name: str, **more: Any) -> dict[str, Any]:
    role = cloud.role(f"role-{name}", "lambda")
    code = {"ZipFile": "def handler(*_): pass"}
    wanted = {"Runtime": "python3.13", "Handler": "index.handler", "Role": role, "Code": code}
    return {"Type": "AWS::Lambda::Function", "Properties": {**wanted, "FunctionName": name, **more}}


def reserved(cloud: Cloud, name: str) -> int | None:
    found = cloud.client("lambda").get_function_concurrency(FunctionName=name)
    return found.get("ReservedConcurrentExecutions")


def test_a_stack_reserves_what_its_template_says(cloud: Cloud) -> None:
    one = function(cloud, "one", ReservedConcurrentExecutions=7)
    assert deploy(cloud, "shares", One=one, Two=function(cloud, "two")) == "CREATE_COMPLETE"
    assert (reserved(cloud, "one"), reserved(cloud, "two")) == (7, None)


def test_more_than_lambda_lets_go_is_refused(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ministack.services.lambda_svc._ACCOUNT_CONCURRENCY_CAP", 1000)
    wanted = function(cloud, "greedy", ReservedConcurrentExecutions=901)
    assert deploy(cloud, "shares", Greedy=wanted) == "ROLLBACK_COMPLETE"
