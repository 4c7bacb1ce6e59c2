"""Who may take a workflow's role: its real trust policy, asked with true and forged tokens.

The emulator's STS reads a token's claims and evaluates the policy; it does not check the
signature, which only AWS does.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_cloud.conftest import ACCOUNT, Cloud

ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
TRUE = {"iss": f"https://{ISSUER}", "aud": "sts.amazonaws.com"}


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The trust policies of the three roles as the template has them, by the role's construct."""
    from tests.infra.synthesis import synthesise_delivery  # starts CDK: for who runs it alone

    made = synthesise_delivery(tmp_path_factory.mktemp("delivery"))
    return {
        role.id.removesuffix(role.id[-8:]): role.properties["AssumeRolePolicyDocument"]
        for role in made.resources("AWS::IAM::Role")
    }


@pytest.fixture
def taken(cloud: Cloud, policies: dict[str, Any]) -> Any:
    """Whether a role can be taken with a token of these claims."""
    for role, policy in policies.items():
        # The provider is made by the same template: its reference becomes the ARN.
        text = json.dumps(policy).replace('{"Fn::GetAtt": ["Provider", "Arn"]}', f'"{PROVIDER}"')
        assert "Fn::" not in text
        cloud.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=text)

    def take(role: str, **claims: str) -> bool:
        try:
            cloud.client("sts").assume_role_with_web_identity(
                RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
                RoleSessionName="run",
                WebIdentityToken=token({**TRUE, **claims}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    return take


def token(claims: dict[str, str]) -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*encoded, "c2lnbmVk"])


@pytest.mark.parametrize("repository", ["octo/stars", "octo@123/stars@456"])
@pytest.mark.parametrize(
    ("role", "environment"),
    [("DeployRole", "prod"), ("SmokeRole", "prod"), ("WatchRole", "prod-watch")],
)
def test_a_job_of_the_environment_takes_its_role(
    taken: Any, role: str, repository: str, environment: str
) -> None:
    assert taken(role, sub=f"repo:{repository}:environment:{environment}")


@pytest.mark.parametrize("role", ["DeployRole", "SmokeRole", "WatchRole"])
@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "repo:octo/stars:ref:refs/heads/main"},  # a job outside of the environment
        {"sub": "repo:octo/stars:ref:refs/tags/v1.0.0"},
        {"sub": "repo:octo/stars:pull_request"},
        {"sub": "repo:octo/stars:environment:dev"},
        {"sub": "repo:octo/stars:environment:prod-watch-too"},
        {"sub": "repo:octo/stars-too:environment:prod"},
        {"sub": "repo:octo/stars:environment:prod:ref:refs/heads/x"},
        {"sub": "repo:other/stars:environment:prod"},
        {"sub": "repo:OCTO/stars:environment:prod"},
        {"sub": "repo:octo@124/stars@456:environment:prod"},  # the name, taken by somebody else
        {"sub": "repo:octo@123/stars@457:environment:prod"},
        {"sub": "repo:octo@123/stars:environment:prod"},
        {"sub": "repo:octo/stars:environment:prod", "aud": "https://github.com/octo"},
        {"sub": "repo:octo/stars:environment:prod", "iss": "https://tokens.example.com"},
        {"sub": "repo:octo/stars:environment:prod", "iss": f"https://{ISSUER}.example.com"},
        {"sub": ""},
        {},
    ],
    ids=str,
)
def test_another_token_takes_none(taken: Any, role: str, claims: dict[str, str]) -> None:
    assert not taken(role, **claims)


def test_who_deploys_cannot_watch_and_the_other_way_round(taken: Any) -> None:
    assert not taken("WatchRole", sub="repo:octo/stars:environment:prod")
    assert not taken("DeployRole", sub="repo:octo/stars:environment:prod-watch")


def test_a_policy_that_forgot_the_subject_would_be_found(cloud: Cloud, taken: Any) -> None:
    audience = {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}}
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": PROVIDER},
        "Condition": audience,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    cloud.client("iam").create_role(
        RoleName="Open", AssumeRolePolicyDocument=json.dumps(policy), Path="/"
    )
    assert taken("Open", sub="repo:anybody/anything:pull_request")
