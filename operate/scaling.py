"""Scaling around a deploy: a variant that is registered may not change its instance type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lambdas.contract import outputs
from lambdas.contract.names import ENDPOINT_STACK
from lambdas.contract.releases import OFF, ON, SCALING
from lambdas.ports import stacks
from operate import deployment, follow
from operate.checks import looked_at
from operate.confirm import Log
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.place import Place

SECONDS = 3600
CONFIG, TARGET = "AWS::SageMaker::EndpointConfig", "AWS::ApplicationAutoScaling::ScalableTarget"


@contextmanager
def suspended(place: Place, log: Log = print) -> Iterator[None]:
    """Switch scaling off where the deploy brings another instance type, and on again afterwards.

    Also on where an earlier deploy has left it off. A deploy that fails leaves the old type, which
    scales again too.
    """
    what = "whether an endpoint that scales changes its instance type"
    if looked_at(what, lambda: _changes_type(place), False, log):
        log("the endpoint's instance type changes: it does not scale meanwhile")
        change_endpoint(deployment.read(place), {SCALING: OFF})
    try:
        yield
    finally:
        if looked_at("whether the endpoint scales again", lambda: _is_off(place), False, log):
            change_endpoint(deployment.read(place), {SCALING: ON})
            log("the endpoint scales again")


def change_endpoint(deployed: Deployment, changed: dict[str, str]) -> None:
    """Update the Endpoint stack's parameters as a release does, and wait for the end.

    Raises OperateError where it did not go through.
    """
    name = deployed.place.name(ENDPOINT_STACK)
    role_arn = deployed[outputs.ENDPOINT_ROLE_ARN]
    stacks.update_parameters(name, changed, role_arn=role_arn)
    status = follow.until("the update", lambda: stacks.settled(name), SECONDS)
    if status != "UPDATE_COMPLETE":
        raise OperateError(f"{name} is {status}; see its events in CloudFormation")


def _changes_type(place: Place) -> bool:
    """Whether what is deployed scales now, on another type than the stage's file names."""
    name = place.name(ENDPOINT_STACK)
    if not stacks.exists(name) or stacks.parameters(name).get(SCALING) != ON:
        return False
    made = stacks.template(name)["Resources"].values()
    wanted = place.settings.endpoint
    type_ = wanted.instance_type if wanted.kind == "instances" else None
    return any(body["Type"] == TARGET for body in made) and any(
        variant.get("InstanceType") != type_
        for body in made
        if body["Type"] == CONFIG
        for variant in body["Properties"]["ProductionVariants"]
    )


def _is_off(place: Place) -> bool:
    """Whether what is deployed could scale and does not."""
    name = place.name(ENDPOINT_STACK)
    if not stacks.exists(name) or stacks.parameters(name).get(SCALING) != OFF:
        return False
    return any(body["Type"] == TARGET for body in stacks.template(name)["Resources"].values())
