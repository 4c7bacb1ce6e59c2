"""The stack by which persons and workflows on GitHub reach a stage: deployed once, by a person."""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.blocks.deployment import stack_properties
from infra.blocks.statements import allow
from infra.constructs.deployer import Deployer
from infra.constructs.github_role import AUDIENCE, ISSUER, GitHubRole
from infra.constructs.ratings_api import MODEL, RATE
from infra.stage import Stage, StageError
from lambdas.contract import keys, names, outputs

BOOTSTRAP_ROLES = ("deploy", "file-publishing", "image-publishing", "lookup")
WATCHES = "-watch"  # behind the name of an environment: of jobs that only watch, without a wait


class DeliveryStack(cdk.Stack):
    """Workflows have three roles: one deploys by the CDK's own roles, one asks the API, one looks.

    Persons have one: it deploys as a workflow does.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        """Raises StageError where the stage names neither a repository nor a person."""
        wanted = stage.delivery
        if not wanted.repository and not wanted.deployer_principals:
            raise StageError(
                f"configs/{stage.label}.yaml: delivery.repository is empty: name the repository "
                "whose workflows deploy this stage, or who deploys it (deployer_principals)"
            )
        super().__init__(
            scope,
            id,
            description="Review Stars: the roles of who deploys",
            **stack_properties(stage, id),
        )
        if wanted.deployer_principals:
            deployer = Deployer(self, "Deployer", stage=stage, may=_may_deploy(self, stage))
            cdk.CfnOutput(self, outputs.DEPLOYER_ROLE_ARN, value=deployer.role.role_arn)
        if wanted.repository:
            self._let_workflows_in(stage)

    def _let_workflows_in(self, stage: Stage) -> None:
        provider = stage.delivery.provider_arn or self._provider()
        environment = stage.delivery.environment
        for name, where, output, may in (
            (names.DEPLOY, environment, outputs.DEPLOY_ROLE_ARN, _may_deploy(self, stage)),
            (names.SMOKE, environment, outputs.SMOKE_ROLE_ARN, _may_ask(stage)),
            (names.WATCH, f"{environment}{WATCHES}", outputs.WATCH_ROLE_ARN, _may_look(stage)),
        ):
            made = GitHubRole(
                self,
                name.title(),
                stage=stage,
                name=name,
                provider_arn=provider,
                environment=where,
                may=may,
            )
            cdk.CfnOutput(self, output, value=made.role.role_arn)

    def _provider(self) -> str:
        """An account has one of each issuer; it stays, since other stages may use it."""
        made = iam.CfnOIDCProvider(
            self, "Provider", url=f"https://{ISSUER}", client_id_list=[AUDIENCE]
        )
        made.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        return made.attr_arn


def _may_deploy(stack: cdk.Stack, stage: Stage) -> Iterator[iam.PolicyStatement]:
    """Take the roles of the CDK's bootstrap, which do the rest, and nothing else."""
    qualifier = stack.synthesizer.bootstrap_qualifier
    roles = (
        f"arn:aws:iam::{stage.account}:role/cdk-{qualifier}-{role}-role-{stage.account}-{stage.region}"
        for role in BOOTSTRAP_ROLES
    )
    yield allow(["sts:AssumeRole"], *roles)


def _may_ask(stage: Stage) -> Iterator[iam.PolicyStatement]:
    """Ask for ratings and for the model, as the probe does."""
    routes = (stage.arn("execute-api", f"*/{stage.label}/{route}") for route in (RATE, MODEL))
    yield allow(["execute-api:Invoke"], *routes)


def _may_look(stage: Stage) -> Iterator[iam.PolicyStatement]:
    """Read what `operate watch` reads: outputs, what is live, alarms, queues, reports, budget."""
    stacks = (stage.arn("cloudformation", f"stack/{stage.stack_name(s)}/*") for s in names.STACKS)
    reports = f"arn:aws:s3:::{stage.bucket_name('observations')}"
    prefix = keys.anything(keys.MONITORING)
    yield allow(["cloudformation:DescribeStacks"], *stacks)
    yield allow(["ssm:GetParameter"], stage.arn("ssm", f"parameter{stage.live_parameter}"))
    yield allow(["cloudwatch:DescribeAlarms", "sqs:ListQueues"], "*")
    yield allow(["sqs:GetQueueAttributes"], stage.arn("sqs", f"{stage.name()}-*"))
    yield allow(["s3:ListBucket"], reports, conditions={"StringLike": {"s3:prefix": [prefix]}})
    yield allow(["s3:GetObject"], f"{reports}/{prefix}")
    alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{stage.name('data')}"}}
    yield allow(["kms:Decrypt"], stage.arn("kms", "key/*"), conditions=alias)
    if stage.cost.budget_dollars:
        yield allow(
            ["budgets:ViewBudget"], f"arn:aws:budgets::{stage.account}:budget/{stage.name()}"
        )
