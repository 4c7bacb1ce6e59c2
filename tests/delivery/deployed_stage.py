"""Stage dev in a local cloud of its own, as a repository on GitHub reaches it: by tokens alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.delivery.account import ISSUER, REGION, STAGE, Account
from tests.delivery.github_api import TOKEN, Repository
from tests.delivery.runner import CREDENTIALS, JobRun, Runner, git
from tests.delivery.workflows import Context


@dataclass
class DeployedStage(Account):
    """A stage, and what GitHub keeps of its repository."""

    repository: Repository
    api: str

    def variables(self) -> dict[str, str]:
        """Of a runner: the way to the cloud and to GitHub, and no key."""
        return {
            **super().variables(),
            "GITHUB_REPOSITORY": self.repository.name,
            "GITHUB_API_URL": self.api,
            "GITHUB_SHA": git(self.clone, "rev-parse", "HEAD"),
        }

    def outputs(self, part: str) -> dict[str, str]:
        """Of one stack."""
        stack = f"review-stars-{STAGE}-{part}"
        found = self.aws("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def job(self, workflow: str, job: str, place: str, *, only: str = "") -> JobRun:
        """Run a job as GitHub would for the commit that is checked out, in an environment.

        only: of its calls of make this one alone.
        """
        roles = self.outputs("delivery")
        context = Context(
            {
                "github.token": TOKEN,
                "vars.AWS_REGION": REGION,
                "vars.DEPLOY_ROLE_ARN": roles["DeployRoleArn"],
                "vars.SMOKE_ROLE_ARN": roles["SmokeRoleArn"],
                "vars.WATCH_ROLE_ARN": roles["WatchRoleArn"],
            }
        )
        subject = f"repo:octo@123/stars@456:environment:{place}"
        take = {
            "aws-actions/configure-aws-credentials": lambda given: self._take_role(given, subject)
        }
        return Runner(self.clone, self.variables(), take).run(workflow, job, context, only)

    def _take_role(self, given: Mapping[str, str], subject: str) -> dict[str, str | None]:
        """What configure-aws-credentials does: GitHub's token for a role."""
        keys = self.aws("sts").assume_role_with_web_identity(
            RoleArn=given["role-to-assume"],
            RoleSessionName="GitHubActions",
            WebIdentityToken=token(subject),
        )["Credentials"]
        named = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        return dict(zip(CREDENTIALS, named, strict=True)) | {"AWS_REGION": given["aws-region"]}


def token(subject: str) -> str:
    """GitHub's for a job, but for its signature, which the emulator does not check."""
    claims = {"iss": ISSUER, "aud": "sts.amazonaws.com", "sub": subject}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*encoded, "c2lnbmVk"])
