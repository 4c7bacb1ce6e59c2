"""A stage with a network of its own: all that runs, runs there, with the rights for it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from infra.acknowledged import FUNCTION_NETWORK, JOB_NETWORK
from infra.stage import Stage

from . import sweeps
from .authorization import half_granted, idle_actions, unfit_resources, unknown_actions
from .policies import statements
from .synthesis import Templates, synthesise, text

SUBNETS, GROUPS = ["subnet-0a1", "subnet-0b2"], ["sg-0c3"]
JOBS = {"SecurityGroupIds": GROUPS, "Subnets": SUBNETS}


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Prod in two subnets of somebody's VPC."""
    stage = Stage.read("prod")
    network = msgspec.structs.replace(stage.network, subnet_ids=SUBNETS, security_group_ids=GROUPS)
    stage = msgspec.structs.replace(stage, network=network)
    return synthesise("prod", tmp_path_factory.mktemp("private"), stage)


def networks(value: Any) -> list[Any]:
    """Every VpcConfig in a pipeline's definition."""
    if isinstance(value, dict):
        own = [value["VpcConfig"]] if "VpcConfig" in value else []
        return own + [found for item in value.values() for found in networks(item)]
    return [f for item in value for f in networks(item)] if isinstance(value, list) else []


def test_every_function_runs_in_the_stage_s_subnets(private: Templates, prod: Templates) -> None:
    wanted = {"SubnetIds": SUBNETS, "SecurityGroupIds": GROUPS}
    made = [f.properties for f in private.resources("AWS::Lambda::Function")]
    assert len(made) > 10
    assert all(f["VpcConfig"] == wanted for f in made)
    assert not any("VpcConfig" in f.properties for f in prod.resources("AWS::Lambda::Function"))


def test_every_job_and_the_model_do_too(private: Templates) -> None:
    [pipeline] = private.resources("AWS::SageMaker::Pipeline")
    body = json.loads(text(pipeline.properties["PipelineDefinition"]["PipelineDefinitionBody"]))
    assert networks(body) == [JOBS] * 3  # Train, Evaluate, Track
    [model] = private.resources("AWS::SageMaker::Model")
    assert model.properties["VpcConfig"] == JOBS
    assert model.properties["EnableNetworkIsolation"] is True


def test_their_roles_may_join_and_no_other_can(private: Templates, prod: Templates) -> None:
    joining = {
        grant.holder.id: {action for action in grant.actions if action.startswith("ec2:")}
        for grant in statements(private, "identity")
        if any(action.startswith("ec2:") for action in grant.actions)
    }
    functions = len(list(private.resources("AWS::Lambda::Function")))
    by_kind = [set(FUNCTION_NETWORK), set(JOB_NETWORK)]
    assert [list(joining.values()).count(kind) for kind in by_kind] == [functions, 3]
    assert not any("ec2:" in a for g in statements(prod, "identity") for a in g.actions)


def test_a_private_stage_keeps_every_rule(private: Templates) -> None:
    for sweep in (
        *(sweeps.open_actions, sweeps.open_resources, sweeps.free_passes, sweeps.untied_roles),
        *(unfit_resources, idle_actions, half_granted, unknown_actions),
    ):
        assert sweep(private) == [], sweep.__name__
    assert {w.actions for w in sweeps.reasons_used(private)} >= {FUNCTION_NETWORK, JOB_NETWORK}
