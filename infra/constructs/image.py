"""The training image: named by the stage, or built from training/Dockerfile.

Its tag is a hash of what the Dockerfile copies, in every stage that does not name one itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import FileSystem, IgnoreMode
from aws_cdk import aws_ecr_assets as ecr_assets
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
FULL = re.compile(r"[:@][^/]*$")  # an image with its tag or digest
ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)")


def content_hash(detector: str, root: Path = ROOT) -> str:
    """Of all that the image is built from, by the fingerprint that CDK's assets are named by.

    detector: whose packages are in it.

    Not an asset's own hash, which also counts how it is built (file, platform).
    """
    return FileSystem.fingerprint(str(root), extra_hash=detector, **CONTENT)


class Image(Construct):
    """One image that trains, evaluates and serves; `uri` names it with its content's hash.

    A stage that names an image without a tag gets that hash as its tag: somebody else puts the
    image there. One that names it in full is obeyed.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        if wanted := stage.learning.image_uri:
            self.uri = (
                wanted if FULL.search(wanted) else f"{wanted}:{content_hash(stage.data.detector)}"
            )
            self._repository = _repository_arn(self.uri)
        else:
            asset = ecr_assets.DockerImageAsset(
                self,
                "Asset",
                directory=str(ROOT),
                file="training/Dockerfile",
                build_args={"DETECTOR": stage.data.detector},
                platform=ecr_assets.Platform.LINUX_AMD64,
                outputs=[DOCKER_FORM],
                **CONTENT,
            )
            self.uri = asset.image_uri
            self._repository = asset.repository.repository_arn

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
