"""Roles that a workflow on GitHub takes with a token of its run, and keeps for an hour."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.stage import Stage

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


class GitHubRole(Construct):
    """One role, for the jobs of one environment of one repository and nobody else.

    An environment is the only part of a token's subject that GitHub guards: whoever may push a
    branch or a tag may run a job there, but in an environment only under its rules.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        name: str,
        provider_arn: str,
        environment: str,
        may: Iterable[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, id)
        conditions = {
            "StringEquals": {
                f"{ISSUER}:aud": AUDIENCE,
                f"{ISSUER}:sub": subjects(stage, environment),
            }
        }
        self.role = iam.Role(
            self,
            "Role",
            role_name=stage.role_name(name),
            assumed_by=iam.WebIdentityPrincipal(provider_arn, conditions),
        )
        for statement in may:
            self.role.add_to_policy(statement)


def subjects(stage: Stage, environment: str) -> list[str]:
    """The subject of such a job's token, in the forms that GitHub writes.

    Repositories made since 15 July 2026 add the numbers of owner and repository; whoever takes a
    name that somebody has given up has other numbers.
    """
    wanted = stage.delivery
    found = [f"repo:{wanted.repository}:environment:{environment}"]
    if wanted.repository_ids:
        names, ids = wanted.repository.split("/"), wanted.repository_ids.split("/")
        numbered = "/".join(f"{name}@{id}" for name, id in zip(names, ids, strict=True))
        found.append(f"repo:{numbered}:environment:{environment}")
    return found
