"""Roles that named persons take, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.stage import Stage


def role_of_persons(scope: Construct, *, stage: Stage, name: str, arns: Sequence[str]) -> iam.Role:
    """A role under `name`. arns: of the principals that may take it, at least one."""
    return iam.Role(
        scope,
        "Role",
        role_name=stage.role_name(name),
        assumed_by=iam.CompositePrincipal(*map(iam.ArnPrincipal, arns)),
    )
