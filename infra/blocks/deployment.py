"""A stage in CDK's own types: where its stacks go, and what its functions run on."""

from __future__ import annotations

from typing import TypedDict

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from infra.stage import Stage
from lambdas.contract.names import APP


class StackProperties(TypedDict):
    """What every stack of a stage is given."""

    stack_name: str
    env: cdk.Environment
    tags: dict[str, str]
    termination_protection: bool


def stack_properties(stage: Stage, stack: str) -> StackProperties:
    """What the stack with this construct id is given."""
    return {
        "stack_name": stage.stack_name(stack),
        "env": cdk.Environment(account=stage.account, region=stage.region),
        # For cost allocation; CloudFormation hands them on to every resource.
        "tags": {"application": APP, "stage": stage.label, **stage.tags},
        "termination_protection": stage.protection.termination,
    }


def data_removal(stage: Stage) -> cdk.RemovalPolicy:
    """What becomes of a stage's data when its stack goes.

    Kept, but not by a first deploy that failed: its bucket's name would block the second.
    """
    if stage.data.remove_on_destroy:
        return cdk.RemovalPolicy.DESTROY
    return cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


def lambda_runtime(stage: Stage) -> lambda_.Runtime:
    """The Lambda runtime of every function."""
    return lambda_.Runtime(
        f"python{stage.python_version}", lambda_.RuntimeFamily.PYTHON, supports_inline_code=True
    )


def lambda_architecture(stage: Stage) -> lambda_.Architecture:
    """The processor of every function."""
    is_arm = stage.architecture == "arm64"
    return lambda_.Architecture.ARM_64 if is_arm else lambda_.Architecture.X86_64
