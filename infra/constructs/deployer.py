"""Who may deploy by hand: named persons, by the CDK's roles and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.blocks.persons import role_of_persons
from infra.stage import Stage
from lambdas.contract.names import DEPLOYER


class Deployer(Construct):
    """The role for `make deploy`, taken by the stage's deployers alone."""

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, may: Iterable[iam.PolicyStatement]
    ) -> None:
        """may: what whoever deploys may do."""
        super().__init__(scope, id)
        arns = stage.delivery.deployer_principals
        self.role = role_of_persons(self, stage=stage, name=DEPLOYER, arns=arns)
        for statement in may:
            self.role.add_to_policy(statement)
