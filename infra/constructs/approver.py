"""Who may put a model into service: named persons, and no automation of ours."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.machine import machine_arn
from infra.blocks.persons import role_of_persons
from infra.blocks.statements import allow, may_list, may_read, may_write
from infra.stage import Stage
from lambdas.contract import keys
from lambdas.contract.names import RELEASE, STACKS


class Approver(Construct):
    """The role for `make release` and `make rollback`, taken by the stage's approvers alone."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, models: s3.IBucket) -> None:
        super().__init__(scope, id)
        self.role = role_of_persons(
            self, stage=stage, name="approver", arns=stage.learning.approver_principals
        )
        for statement in (
            *_may_approve(stage),
            *_may_release(stage),
            *may_read(models, keys.anything(keys.RUNS), keys.anything(keys.RELEASES)),
            # What was decided is kept, and what was released before is where a rollback goes.
            *may_write(models, keys.anything(keys.RELEASES)),
            *may_list(models, keys.anything(keys.RELEASES)),
        ):
            self.role.add_to_policy(statement)


def _may_approve(stage: Stage) -> list[iam.PolicyStatement]:
    """See the versions of the group, and change what is said of one."""
    versions = stage.arn("sagemaker", f"model-package/{stage.name()}/*")
    actions = ("DescribeModelPackage", "ListModelPackages", "UpdateModelPackage")
    return [allow([f"sagemaker:{action}" for action in actions], versions)]


def _may_release(stage: Stage) -> list[iam.PolicyStatement]:
    """Start the Release machine, follow it, and see what is live."""
    machine = machine_arn(stage, RELEASE)
    executions = stage.arn("states", f"execution:{stage.name(RELEASE)}:*")
    stacks = (stage.arn("cloudformation", f"stack/{stage.stack_name(s)}/*") for s in STACKS)
    return [
        allow(["states:ListExecutions", "states:StartExecution"], machine),
        allow(["states:DescribeExecution"], executions),
        allow(["ssm:GetParameter"], stage.arn("ssm", f"parameter{stage.live_parameter}")),
        allow(["cloudformation:DescribeStacks"], *stacks),
    ]
