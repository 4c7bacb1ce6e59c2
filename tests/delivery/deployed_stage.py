"""A stage in a local cloud of its own, as a repository on GitHub reaches it: by tokens alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.delivery import github_api
from tests.delivery.account import ISSUER, REGION, Account, clone_of_this_checkout, cloud_of
from tests.delivery.github_api import TOKEN, Repository
from tests.delivery.runner import CREDENTIALS, JobRun, Runner, git
from tests.delivery.workflows import Context


@dataclass(kw_only=True)
class DeployedStage(Account):
    """A stage, and what GitHub keeps of its repository. more: variables of its runners."""

    repository: Repository
    api: str
    more: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """Of a runner: the way to the cloud and to GitHub, and no key."""
        return {
            **super().variables(),
            **self.more,
            "GITHUB_REPOSITORY": self.repository.name,
            "GITHUB_API_URL": self.api,
            "GITHUB_SHA": git(self.clone, "rev-parse", "HEAD"),
        }

    def prepare(self) -> None:
        """What a person does once: the CDK's bootstrap, and the roles of GitHub's jobs."""
        assert (said := self.make("package", f"STAGE={self.stage}")).endswith("exit 0"), said
        assert (said := self.bootstrap()).endswith("exit 0"), said[-3000:]
        # Of `make delivery`, which asks a person at a terminal before it makes roles.
        words = ("deploy", "Delivery", "--context", "delivery=yes", "--require-approval", "never")
        said = self.operate("cdk", "--stage", self.stage, *words)
        assert said.endswith("exit 0"), said[-3000:]

    def deploy(self, tag: str = "") -> JobRun:
        """A run of cd.yml for a push of the commit that is checked out, with GitHub's record.

        tag: that was pushed; empty: it was main.
        """
        sha = git(self.clone, "rev-parse", "HEAD")
        number = self.repository.begin_deployment(sha, self.stage)
        done = self.job("cd", "deploy", self.stage, tag=tag)
        self.repository.end_deployment(number, done.conclusion)
        return done

    def outputs(self, part: str) -> dict[str, str]:
        """Of one stack."""
        stack = f"review-stars-{self.stage}-{part}"
        found = self.aws("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def job(self, workflow: str, job: str, place: str, *, only: str = "", tag: str = "") -> JobRun:
        """Run a job as GitHub would for the commit that is checked out, in an environment.

        only: of its calls of make this one alone. tag: that started it.
        """
        roles = self.outputs("delivery")
        context = Context(
            {
                "github.token": TOKEN,
                "vars.AWS_REGION": REGION,
                "vars.DEPLOY_ROLE_ARN": roles["DeployRoleArn"],
                "vars.SMOKE_ROLE_ARN": roles["SmokeRoleArn"],
                "vars.WATCH_ROLE_ARN": roles["WatchRoleArn"],
            },
            is_tag=bool(tag),
        )
        take = {
            "aws-actions/configure-aws-credentials": lambda given: self._configure(given, place)
        }
        variables = {**self.variables(), "GITHUB_REF_NAME": tag or "main"}
        return Runner(self.clone, variables, take).run(workflow, job, context, only)

    def _configure(self, given: Mapping[str, str], place: str) -> dict[str, str | None]:
        """What configure-aws-credentials does: GitHub's token for a role."""
        keys = self.keys(given["role-to-assume"], place)
        return dict(zip(CREDENTIALS, keys, strict=True)) | {"AWS_REGION": given["aws-region"]}

    def keys(self, role: str, place: str) -> tuple[str, str, str]:
        """Those of a role, for the token of a job of an environment; or AWS's refusal."""
        keys = self.aws("sts").assume_role_with_web_identity(
            RoleArn=role,
            RoleSessionName="GitHubActions",
            WebIdentityToken=token(f"repo:octo@123/stars@456:environment:{place}"),
        )["Credentials"]
        return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]


@contextmanager
def prepared_stage(folder: Path, stage: str, **settings: str) -> Iterator[DeployedStage]:
    """An account whose stage has its roles; the first commit is pushed, and nothing is deployed.

    settings: of the local cloud.
    """
    clone, repository = clone_of_this_checkout(folder), Repository()
    with cloud_of(folder, stage, **settings) as cloud, github_api.serving(repository) as api:
        made = DeployedStage(clone, folder, cloud, stage, repository=repository, api=api)
        made.commit("feat: begin")
        made.prepare()
        yield made


def token(subject: str) -> str:
    """GitHub's for a job, but for its signature, which the emulator does not check."""
    claims = {"iss": ISSUER, "aud": "sts.amazonaws.com", "sub": subject}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*encoded, "c2lnbmVk"])
