"""`make push-image NAME=v1.2.3`: the image that `make image` has tried, to GitHub's registry.

In a workflow alone: GITHUB_REPOSITORY, GITHUB_ACTOR and GITHUB_TOKEN say where and by whom;
IMAGE_REGISTRY names another registry than GitHub's own, as that of a GitHub Enterprise Server. The
digest that the registry has answered goes to GITHUB_OUTPUT, for the provenance. Exit 2 where one of
them is missing, before anything is pushed.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from pathlib import Path

from image import HOME, IMAGE, ImageError, buildah

REGISTRY = "ghcr.io"
NEEDED = ("GITHUB_REPOSITORY", "GITHUB_ACTOR", "GITHUB_TOKEN", "GITHUB_OUTPUT")
TAG = re.compile(r"v\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?")


def main(words: list[str]) -> int:
    """Push one tag; 1 with the reason where it is refused."""
    tag = words[0] if words else ""
    if not TAG.fullmatch(tag):
        print(f"push-image: {tag or 'nothing'} is no tag of a version: NAME=v1.2.3")
        return 2
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        print(f"push-image: {missing[0]} is not set: this command is for a workflow's run")
        return 2
    name = f"{registry()}/{os.environ['GITHUB_REPOSITORY'].lower()}"
    try:
        digest = push(f"{name}:{tag}")
    except ImageError as error:
        print(f"push-image: {error}", file=sys.stderr)
        return 1
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"name={name}\ndigest={digest}\n")
    print(f"{name}@{digest}")
    return 0


def registry() -> str:
    """Host and port of the registry."""
    return os.environ.get("IMAGE_REGISTRY") or REGISTRY


def push(target: str) -> str:
    """Push it -> its digest there. The token is no argument: every process could read it."""
    auth, digest = HOME / "auth.json", HOME / "digest"
    HOME.mkdir(parents=True, exist_ok=True)
    write_credentials(auth)
    try:
        words = ["push", "-q", "--authfile", str(auth), "--digestfile", str(digest)]
        buildah(*words, IMAGE, f"docker://{target}")
    finally:
        auth.unlink(missing_ok=True)
    return digest.read_text().strip()


def write_credentials(file: Path) -> None:
    """The registry's, as `buildah login` would leave them, for this user alone."""
    pair = f"{os.environ['GITHUB_ACTOR']}:{os.environ['GITHUB_TOKEN']}"
    content = {"auths": {registry(): {"auth": base64.b64encode(pair.encode()).decode()}}}
    file.touch(mode=0o600)
    file.write_text(json.dumps(content))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
