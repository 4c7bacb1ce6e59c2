"""A stage's account as a local cloud of its own, and a clone that deploys to it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from operate import environment
from operate.local import LocalCloud
from rehearsal import docker
from tests.delivery import workflows
from tests.delivery.runner import CREDENTIALS, git
from tests.newcomer.newcomer import copy

REGION = "us-east-1"
ACCOUNTS = {"dev": "111111111111", "prod": "222222222222"}  # of the stages' files
ISSUER = "https://token.actions.githubusercontent.com"
MADE_UP = {  # what an owner of a stage writes into its file, and an interpreter that is here
    '  repository: ""': "  repository: octo/stars",
    '  repository_ids: ""': "  repository_ids: 123/456",
    # The emulator makes no such provider; the stack takes one that the account has.
    '  provider_arn: ""': f"  provider_arn: arn:aws:iam::{{account}}:oidc-provider/{ISSUER[8:]}",
    '  python: "3.13"': "  python: same",
}
OF_PROD = {"  emails: [oncall@example.com]": "  emails: [oncall@stars.internal]"}
# What deploys with the rights of AWS's own policy, as a bootstrap without a policy has them.
POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
PERSON = {
    f"GIT_{role}_{what}": text
    for role in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "A Person"), ("EMAIL", "person@example.com"))
}


@dataclass
class Account:
    """A clone with an origin, and the local cloud that is the account of its stage."""

    clone: Path
    folder: Path
    cloud: Mapping[str, str]  # the variables by which root reaches it
    stage: str = "dev"

    @property
    def number(self) -> str:
        """The account's."""
        return ACCOUNTS[self.stage]

    @property
    def docker(self) -> Path:
        """What the CDK takes for docker: no image is built."""
        return self.folder / "docker"

    def __post_init__(self) -> None:
        program = shlex.join([sys.executable, "-P", docker.__file__])
        self.docker.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        self.docker.chmod(0o755)

    def variables(self) -> dict[str, str]:
        """Of a runner: the way to the cloud, and no key."""
        named = {k: v for k, v in self.cloud.items() if k not in CREDENTIALS}
        return {
            **workflows.shell(),
            **{k: v for k, v in os.environ.items() if k in environment.FETCHING},
            **{k: v for k, v in named.items() if k.startswith(("AWS_", "NODE_EXTRA", "NO_PROXY"))},
            **PERSON,
            "HOME": os.environ.get("HOME", str(self.folder)),
            "CDK_DOCKER": str(self.docker),
            "REHEARSAL_IMAGES": str(self.folder / "images"),
        }

    def make(self, *words: str) -> str:
        """Run make in the clone as root of the account -> what it said and its status."""
        return self._say(["make", *words])

    def operate(self, *words: str) -> str:
        """Run a command of ours in the clone, likewise."""
        return self._say([".venv/bin/python", "-m", "operate", *words])

    def bootstrap(self) -> str:
        """`make bootstrap`, with the policy that AWS takes where none is named."""
        words = ("bootstrap", "--cloudformation-execution-policies", POLICY)
        return self.operate("cdk", "--stage", self.stage, *words)

    def _say(self, words: list[str]) -> str:
        held = {name: self.cloud[name] for name in CREDENTIALS if name in self.cloud}
        done = subprocess.run(
            words,
            cwd=self.clone,
            env=self.variables() | held,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return f"{done.stdout}\nexit {done.returncode}"

    def aws(self, service: str) -> Any:
        """A client of the account's root."""
        return self.client(service, self.number, "local")

    def client(self, service: str, *keys: str) -> Any:
        """A client of whom the keys are: id, secret and, of a session, its token."""
        return boto3.Session(*keys, region_name=REGION).client(
            service,
            endpoint_url=self.cloud["AWS_ENDPOINT_URL"],
            verify=self.cloud["AWS_CA_BUNDLE"],
        )

    def commit(self, message: str) -> str:
        """Commit all on main and push it -> its id."""
        git(self.clone, "add", "-A")
        git(self.clone, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", message)
        git(self.clone, "push", "-q", "origin", "main")
        return git(self.clone, "rev-parse", "HEAD")


def clone_of_this_checkout(folder: Path) -> Path:
    """These files as a repository of their own with an origin; its stages are an owner's."""
    clone, origin = folder / "clone", folder / "origin.git"
    copy(workflows.ROOT, clone)
    for stage, account in ACCOUNTS.items():
        file = clone / "configs" / f"{stage}.yaml"
        text = file.read_text()
        for line, own in {**MADE_UP, **(OF_PROD if stage == "prod" else {})}.items():
            assert line in text, line
            text = text.replace(line, own.format(account=account))
        file.write_text(text)
    git(folder, "init", "-q", "--bare", "-b", "main", str(origin))
    git(folder, "init", "-q", "-b", "main", str(clone))
    git(clone, "remote", "add", "origin", str(origin))
    return clone


@contextmanager
def cloud_of(folder: Path, stage: str = "dev", **settings: str) -> Iterator[dict[str, str]]:
    """A local cloud that is the stage's account -> the variables of its root.

    settings: of the local cloud, as LOCAL_CLOUD_MINUTE_SECONDS.
    """
    home = folder / "cloud"
    cloud = LocalCloud(home, account=ACCOUNTS[stage], region=REGION)
    with cloud.reserved():
        (home / "home").mkdir(parents=True, exist_ok=True)
        try:
            cloud.start({**environment.isolated(os.environ, home), **settings})
            yield environment.local(os.environ, home)
        finally:
            cloud.stop()
