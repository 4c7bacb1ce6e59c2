"""Roles that may call the API and nothing else."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.stage import Stage


class Client(Construct):
    """One role. name: where others know it by name; calls: the right to the API's routes."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        calls: iam.PolicyStatement,
        name: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(
            self,
            "Role",
            role_name=stage.role_name(name) if name else None,
            assumed_by=_principals(stage),
        )
        self.role.add_to_policy(calls)


def _principals(stage: Stage) -> iam.IPrincipal:
    """Whom the stage names; where it names nobody, this account, whose own policies decide."""
    named = [iam.ArnPrincipal(arn) for arn in stage.api.client_principals]
    return iam.CompositePrincipal(*named) if named else iam.AccountPrincipal(stage.account)
