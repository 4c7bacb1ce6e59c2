"""The subnets in which a stage's functions, jobs and model run, where it names any."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_iam as iam

from infra.acknowledged import FUNCTION_NETWORK, JOB_NETWORK
from infra.blocks.statements import allow
from infra.stage import Stage


def of_functions(stage: Stage) -> dict[str, list[str]] | None:
    """The VpcConfig of a function; None where the stage names no network."""
    wanted = stage.network
    if not wanted.subnet_ids:
        return None
    return {"SubnetIds": wanted.subnet_ids, "SecurityGroupIds": wanted.security_group_ids}


def of_jobs(stage: Stage) -> dict[str, Any]:
    """What a job's or a model's description has more: its VpcConfig, or nothing."""
    wanted = stage.network
    if not wanted.subnet_ids:
        return {}
    network = {"SecurityGroupIds": wanted.security_group_ids, "Subnets": wanted.subnet_ids}
    return {"VpcConfig": network}


def functions_may_join(stage: Stage) -> list[iam.PolicyStatement]:
    """What Lambda does with a function's role before it runs in a network."""
    return _may_join(stage, FUNCTION_NETWORK)


def jobs_may_join(stage: Stage) -> list[iam.PolicyStatement]:
    """What SageMaker does with the role of a job or a model before it runs in a network."""
    return _may_join(stage, JOB_NETWORK)


def _may_join(stage: Stage, actions: tuple[str, ...]) -> list[iam.PolicyStatement]:
    return [allow(actions, "*")] if stage.network.subnet_ids else []
