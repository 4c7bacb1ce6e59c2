"""The repository of the stage's images, apart from the one that the CDK keeps its assets in.

`cdk gc` deletes from that one what no template names, and a template names the newest image alone:
the image of a package that is live, or to which somebody would go back, would go with it.
"""

from __future__ import annotations

from aws_cdk import DefaultStackSynthesizer, Duration
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.blocks.deployment import data_removal
from infra.stage import Stage

UNTAGGED_DAYS = 7
# What the CDK CLI does to publish an image: it looks, and pushes what is not there.
PUBLISH = (
    "BatchCheckLayerAvailability",
    "BatchGetImage",
    "CompleteLayerUpload",
    "DescribeImages",
    "DescribeRepositories",
    "GetDownloadUrlForLayer",
    "InitiateLayerUpload",
    "PutImage",
    "UploadLayerPart",
)


class ImageRepository(Construct):
    """Every image stands under the hash of its content, for good.

    ECR's lifecycle counts days and images and knows no packages: any rule over tagged images would
    one day take a live package's. So only what has no tag goes, which no package can name: a push
    that was broken off. An image is about 0.2 GB, so each change of the program keeps two cents a
    month; whoever wants them back deletes images by hand.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        repository = ecr.Repository(
            self,
            "Repository",
            repository_name=stage.image_repository,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="what was pushed and never named",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=Duration.days(UNTAGGED_DAYS),
                )
            ],
            removal_policy=data_removal(stage),
        )
        # The bootstrap lets its role publish to its own repository alone; here it is let in.
        repository.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ArnPrincipal(publishing_role_arn(stage))],
                actions=[f"ecr:{action}" for action in PUBLISH],
            )
        )


def publishing_role_arn(stage: Stage) -> str:
    """The role of the CDK's bootstrap that publishes images."""
    qualifier = DefaultStackSynthesizer.DEFAULT_QUALIFIER
    name = f"cdk-{qualifier}-image-publishing-role-{stage.account}-{stage.region}"
    return f"arn:aws:iam::{stage.account}:role/{name}"
