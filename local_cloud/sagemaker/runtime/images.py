"""Images of the account's own registry, as far as SageMaker looks at them: there, and readable.

A repository that the registry does not have stands for somebody else's: nothing is known of it.
"""

import re

from ministack.services import ecr

OWN = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/([^:@]+)(?::([^@]+))?(?:@(.+))?$")
READABLE = "application/vnd.docker.distribution.manifest.v2+json"


def problem(image: str) -> str:
    """Why SageMaker would refuse an image; empty where it would not, or nothing is known."""
    found = OWN.match(image)
    if found is None or found[1] not in ecr._repositories:
        return ""
    repository, tag, digest = found.groups()
    wanted = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    record = ecr._find_image(repository, wanted)
    if record is None:
        return f"Requested image {image} not found."
    kind = record["imageManifestMediaType"]
    return "" if kind == READABLE else f"Unsupported manifest media type {kind} for {image}."
