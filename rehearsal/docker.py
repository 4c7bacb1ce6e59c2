"""What stands for `docker` while the CDK CLI publishes the training image: no image is built.

It takes the CLI's own words (login, inspect, build, tag, push), and leaves in the registry a
manifest of the form that Docker 29 would have pushed for them: Docker's own where the build asked
for `type=docker`, OCI's else, which SageMaker refuses.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import sys
from pathlib import Path

import boto3

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:]+):(.+)")


def main(words: list[str]) -> int:
    """Do one command; 1 where an image is not there."""
    images = Path(os.environ["REHEARSAL_IMAGES"])  # a folder: one file an image, its form inside
    command = words[0]
    if command == "inspect":
        return 0 if _file(images, words[-1]).exists() else 1
    if command == "build":
        tag = words[words.index("--tag") + 1]
        _file(images, tag).write_text(form(words))
    elif command == "tag":
        _file(images, words[2]).write_text(_file(images, words[1]).read_text())
    elif command == "push":
        push(words[-1], _file(images, words[-1]).read_text())
    elif command != "login":
        sys.stderr.write(f"docker {command} is not rehearsed\n")
        return 1
    return 0


def form(words: list[str]) -> str:
    """The media type of the manifest that a build makes."""
    outputs = [b for a, b in itertools.pairwise(words) if a in ("--output", "-o")]
    outputs += [word.partition("=")[2] for word in words if word.startswith("--output=")]
    return DOCKER if any("type=docker" in output for output in outputs) else OCI


def push(image: str, media_type: str) -> None:
    """Put the manifest under the image's tag, with the role that CDK publishes images with."""
    found = IMAGE.match(image)
    if found is None:
        raise ValueError(f"{image} is no image of a registry of this account")
    account, region, repository, tag = found.groups()
    role = f"arn:aws:iam::{account}:role/cdk-hnb659fds-image-publishing-role-{account}-{region}"
    keys = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="docker")["Credentials"]
    registry = boto3.client(
        "ecr",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    manifest = {"schemaVersion": 2, "mediaType": media_type, "annotations": {"tag": tag}}
    registry.put_image(
        repositoryName=repository,
        imageTag=tag,
        imageManifest=json.dumps(manifest),
        imageManifestMediaType=media_type,
    )


def _file(images: Path, image: str) -> Path:
    images.mkdir(parents=True, exist_ok=True)
    return images / hashlib.sha256(image.encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
