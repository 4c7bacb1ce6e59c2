"""Another instance type for an endpoint that scales is one deploy."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.contract import outputs
from lambdas.ports import stacks
from operate import deployment
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.place import Place
from operate.scaling import CONFIG, TARGET, suspended


class Stack:
    """The Endpoint stack as it is deployed, and what is done to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parameters = {"Scaling": "on", "ModelPackageArn": "arn"}
        self.instance_type = "ml.c7i.large"
        self.scales, self.there, self.status = True, True, "UPDATE_COMPLETE"
        self.done: list[str] = []
        found = {outputs.ENDPOINT_ROLE_ARN: "narrow"}
        monkeypatch.setattr(deployment, "read", lambda place: Deployment(place, found))
        monkeypatch.setattr(stacks, "exists", lambda name: self.there)
        monkeypatch.setattr(stacks, "parameters", lambda name: self.parameters)
        monkeypatch.setattr(stacks, "template", lambda name: self.template())
        monkeypatch.setattr(stacks, "settled", lambda name: self.status)
        monkeypatch.setattr(stacks, "update_parameters", self.update)

    def template(self) -> dict[str, Any]:
        variants = [{"InstanceType": self.instance_type}]
        made = {"Config": {"Type": CONFIG, "Properties": {"ProductionVariants": variants}}}
        return {"Resources": made | ({"Target": {"Type": TARGET}} if self.scales else {})}

    def update(self, name: str, changed: dict[str, str], role_arn: str) -> None:
        assert (name, role_arn) == ("review-stars-prod-endpoint", "narrow")
        self.parameters.update(changed)
        self.done.append(changed["Scaling"])

    def deploy(self, fails: bool = False) -> None:
        with suspended(Place("prod"), log=lambda line: None):
            self.done.append("deploy")
            if fails:
                raise OperateError("no")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    return Stack(monkeypatch)


def test_another_type_is_deployed_while_scaling_is_off(stack: Stack) -> None:
    stack.instance_type = "ml.m5.large"
    stack.deploy()
    assert stack.done == ["off", "deploy", "on"]


def test_the_same_type_is_deployed_as_it_is(stack: Stack) -> None:
    stack.deploy()
    assert stack.done == ["deploy"]


def test_a_deploy_that_fails_leaves_it_scaling(stack: Stack) -> None:
    stack.instance_type = "ml.m5.large"
    with pytest.raises(OperateError, match="no"):
        stack.deploy(fails=True)
    assert stack.done == ["off", "deploy", "on"]


def test_what_an_interrupted_deploy_left_off_comes_back_with_the_next(stack: Stack) -> None:
    stack.parameters["Scaling"] = "off"
    stack.deploy()
    assert stack.done == ["deploy", "on"]


def test_nothing_is_deployed_where_it_cannot_be_switched_off(stack: Stack) -> None:
    stack.instance_type, stack.status = "ml.m5.large", "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(OperateError, match="UPDATE_ROLLBACK_COMPLETE"):
        stack.deploy()
    assert stack.done == ["off"]


@pytest.mark.parametrize("what", ["there", "scales"])
def test_what_does_not_scale_is_left_alone(stack: Stack, what: str) -> None:
    setattr(stack, what, False)
    stack.instance_type = "ml.m5.large"
    stack.deploy()
    assert stack.done == ["deploy"]
