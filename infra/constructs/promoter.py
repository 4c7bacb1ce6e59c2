"""Who may take models to another account, or from one, and approve none."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.persons import role_of_persons
from infra.blocks.statements import (
    NOT_APPROVED,
    allow,
    may_list,
    may_read,
    may_use_key,
    may_write,
)
from infra.stage import Stage
from lambdas.contract import keys
from lambdas.contract.names import STACKS


class Promoter(Construct):
    """The role for either side of `make promote`, taken by the stage's promoters alone.

    Reads a package and its evidence here; writes those of another account below their own prefix,
    and has signed and registers what waits. No account needs a right in the other.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        curated: s3.IBucket,
        models: s3.IBucket,
        signing_key: kms.IKey,
        may_find_image: Iterable[iam.PolicyStatement],
        may_sign: Iterable[iam.PolicyStatement],
    ) -> None:
        """may_find_image: the right to ask which images the stage has; may_sign: to have a model
        signed that passed its gate."""
        super().__init__(scope, id)
        self.role = role_of_persons(
            self, stage=stage, name="promoter", arns=stage.learning.promoter_principals
        )
        runs = keys.anything(keys.RUNS)
        for statement in (
            *_may_see(stage),
            *may_list(models, runs),
            *may_read(models, runs, versions=True),
            *may_list(curated, keys.anything(keys.DATASETS)),
            *may_read(curated, keys.anything(keys.DATASETS), versions=True),
            *may_write(models, keys.anything(keys.PROMOTED)),
            *_may_register(stage),
            *may_use_key(signing_key, "kms:GetPublicKey", "kms:Verify"),
            *may_find_image,
            *may_sign,
        ):
            self.role.add_to_policy(statement)


def _may_see(stage: Stage) -> list[iam.PolicyStatement]:
    """The outputs of the stacks, what is live, the versions of the group."""
    stacks = (stage.arn("cloudformation", f"stack/{stage.stack_name(s)}/*") for s in STACKS)
    versions = stage.arn("sagemaker", f"model-package/{stage.name()}/*")
    return [
        allow(["cloudformation:DescribeStacks"], *stacks),
        allow(["ssm:GetParameter"], stage.arn("ssm", f"parameter{stage.live_parameter}")),
        allow(["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"], versions),
    ]


def _may_register(stage: Stage) -> list[iam.PolicyStatement]:
    """A version that waits for a person, in every stage."""
    group = stage.arn("sagemaker", f"model-package-group/{stage.name()}")
    versions = stage.arn("sagemaker", f"model-package/{stage.name()}/*")
    create = ["sagemaker:CreateModelPackage"]
    return [allow(create, group, versions, conditions=NOT_APPROVED)]
