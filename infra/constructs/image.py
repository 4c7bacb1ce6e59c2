"""The training image: named by the stage, or built from training/Dockerfile.

Its tag is a hash of what it is built from, in every stage that does not name one itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import AssetStaging, DefaultStackSynthesizer, FileSystem, IgnoreMode, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.blocks.statements import allow
from infra.source import ROOT
from infra.stage import Stage
from reviews.digest import PROGRAM  # whatever else changes leaves the image as it is

CONTENT: dict[str, Any] = {
    "exclude": ["*", *(f"!{room}" for room in PROGRAM), "**/__pycache__"],
    "ignore_mode": IgnoreMode.DOCKER,
}
# Docker with the store of containerd makes OCI manifests, which SageMaker's CreateModel refuses.
# The attestations that would make an index of them are left out by the CDK CLI.
DOCKER_FORM = "type=docker"
PLATFORM = "linux/amd64"
FULL = re.compile(r"[:@][^/]*$")  # an image with its tag or digest
ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)")


def content_hash(detector: str, root: Path = ROOT) -> str:
    """Of all that the image is built from and how, by the fingerprint that CDK's assets have.

    detector: whose packages are in it.

    Not an asset's own hash, which a stage that names its image would not have.
    """
    how = " ".join((detector, PLATFORM, DOCKER_FORM))
    return FileSystem.fingerprint(str(root), extra_hash=how, **CONTENT)


class Image(Construct):
    """One image that trains, evaluates and serves; `uri` names it with its content's hash.

    It lies in the stage's own repository (`ImageRepository`): the CDK CLI looks there for the tag
    at each deploy, and has Docker build and push what is not there. A stage that names an image
    without a tag gets that hash as its tag: somebody else puts the image there. One that names it
    in full is obeyed.
    """

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, publisher: DefaultStackSynthesizer
    ) -> None:
        """publisher: the synthesizer of the stack, which names the repository."""
        super().__init__(scope, id)
        if stage.builds_image:
            self.uri = self._published(stage, publisher)
        else:
            named = stage.learning.image_uri
            is_full = FULL.search(named)
            self.uri = named if is_full else f"{named}:{content_hash(stage.data.detector)}"
        self._repository = _repository_arn(self.uri)

    def _published(self, stage: Stage, publisher: DefaultStackSynthesizer) -> str:
        """Have the CDK CLI publish it. `DockerImageAsset` would name it by a hash of its own."""
        tag = content_hash(stage.data.detector)
        context = AssetStaging(self, "Context", source_path=str(ROOT), **CONTENT)
        publisher.add_docker_image_asset(
            source_hash=tag,
            directory_name=context.relative_staged_path(Stack.of(self)),
            docker_file="training/Dockerfile",
            docker_build_args={"DETECTOR": stage.data.detector},
            platform=PLATFORM,
            docker_outputs=[DOCKER_FORM],
        )
        registry = f"{stage.account}.dkr.ecr.{stage.region}.amazonaws.com"
        return f"{registry}/{stage.image_repository}:{tag}"

    def may_pull(self) -> Sequence[iam.PolicyStatement]:
        """Pull this image. A login token is of the account: ECR takes no narrower resource."""
        if self._repository is None:
            return []
        pull = [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        ]
        return [allow(["ecr:GetAuthorizationToken"], "*"), allow(pull, self._repository)]

    def may_find(self) -> Sequence[iam.PolicyStatement]:
        """Ask whether the repository holds an image."""
        return [allow(["ecr:DescribeImages"], self._repository)] if self._repository else []


def _repository_arn(uri: str) -> str | None:
    """The repository of an ECR image; None where the image lies elsewhere."""
    found = ECR.match(uri)
    return "arn:aws:ecr:{1}:{0}:repository/{2}".format(*found.groups()) if found else None
