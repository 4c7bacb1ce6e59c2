"""Container images in a registry of ECR."""

from __future__ import annotations

import re

from lambdas.ports.clients import client

IMAGE = re.compile(r"(?P<repository>.+?)(?P<content>[:@][^/]*)")
ECR = re.compile(r"(\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(.+)")


def split(uri: str) -> tuple[str, str]:
    """The repository of an image with its registry, and its tag or digest with the mark before it.

    `registry/name:tag` is ("registry/name", ":tag"); without either the second is empty.
    """
    found = IMAGE.fullmatch(uri)
    return (found["repository"], found["content"]) if found else (uri, "")


def is_there(uri: str) -> bool:
    """Whether a registry of ECR holds this tag or digest; False for another kind of registry."""
    repository, content = split(uri)
    found = ECR.fullmatch(repository)
    if not found or not content:
        return False
    kind = "imageTag" if content.startswith(":") else "imageDigest"
    ecr = client("ecr")
    try:
        ecr.describe_images(
            registryId=found[1], repositoryName=found[2], imageIds=[{kind: content[1:]}]
        )
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        return False
    return True


def empty(repository: str) -> int:
    """Delete every image of a repository of this account; returns how many there were."""
    ecr = client("ecr")
    deleted = 0
    for page in ecr.get_paginator("list_images").paginate(repositoryName=repository):
        digests = {image["imageDigest"] for image in page["imageIds"]}
        wanted = [{"imageDigest": digest} for digest in sorted(digests)]
        if wanted:
            ecr.batch_delete_image(repositoryName=repository, imageIds=wanted)
        deleted += len(digests)
    return deleted
