"""The roles of workflows: who may take each, and the little that it may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.stage import StageError

from . import sweeps
from .authorization import unfit_resources, unknown_actions, unknown_conditions
from .policies import Statement, statements
from .synthesis import Templates, synthesise_delivery

ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::222222222222:oidc-provider/{ISSUER}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesise_delivery(tmp_path_factory.mktemp("delivery"))


def of(templates: Templates, role: str, kind: str) -> list[Statement]:
    return [s for s in statements(templates, kind) if s.holder.id.startswith(role)]


def test_its_statements_are_as_narrow_as_all_others(made: Templates) -> None:
    assert sweeps.open_actions(made) == sweeps.open_resources(made) == []
    assert sweeps.managed_policies(made) == sweeps.free_passes(made) == []
    assert unknown_actions(made) == unfit_resources(made) == []
    # The reference knows the keys of AWS's own providers; another issuer's begin with its name.
    assert [c for c in unknown_conditions(made) if f" if {ISSUER}:" not in c] == []


def test_who_deploys_takes_the_roles_of_the_bootstrap_and_no_other(made: Templates) -> None:
    [may] = of(made, "Deploy", "identity")
    assert may.actions == ["sts:AssumeRole"]
    assert may.conditions == {}
    assert may.resources == [
        f"arn:aws:iam::222222222222:role/cdk-hnb659fds-{role}-role-222222222222-us-east-1"
        for role in ("deploy", "file-publishing", "image-publishing", "lookup")
    ]


def test_who_smokes_asks_two_routes_of_this_stage(made: Templates) -> None:
    [may] = of(made, "Smoke", "identity")
    assert may.actions == ["execute-api:Invoke"]
    assert sorted(may.resources) == [
        f"arn:aws:execute-api:us-east-1:222222222222:*/prod/{route}"
        for route in ("GET/v1/model", "POST/v1/ratings")
    ]


def test_who_watches_changes_nothing(made: Templates) -> None:
    actions = [action.split(":")[1] for s in of(made, "Watch", "identity") for action in s.actions]
    assert len(actions) > 5
    reads = ("Describe", "Get", "List", "View", "Decrypt")
    assert [action for action in actions if not action.startswith(reads)] == []


@pytest.mark.parametrize(
    ("role", "environment"), [("Deploy", "prod"), ("Smoke", "prod"), ("Watch", "prod-watch")]
)
def test_a_role_names_its_repository_in_both_forms(
    made: Templates, role: str, environment: str
) -> None:
    [trust] = of(made, role, "trust")
    assert trust.actions == ["sts:AssumeRoleWithWebIdentity"]
    assert trust.conditions == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": [
                f"repo:octo/stars:environment:{environment}",
                f"repo:octo@123/stars@456:environment:{environment}",
            ],
        }
    }


def test_a_provider_that_is_there_is_taken(made: Templates, tmp_path: Path) -> None:
    assert len(list(made.resources("AWS::IAM::OIDCProvider"))) == 1
    taken = synthesise_delivery(tmp_path, provider_arn=PROVIDER)
    assert list(taken.resources("AWS::IAM::OIDCProvider")) == []
    for role in ("Deploy", "Smoke", "Watch"):
        [trust] = of(taken, role, "trust")
        assert trust.body["Principal"] == {"Federated": PROVIDER}


def test_the_environment_is_that_of_the_stage(tmp_path: Path) -> None:
    elsewhere = synthesise_delivery(tmp_path, environment="elsewhere", repository_ids="")
    [trust] = of(elsewhere, "Deploy", "trust")
    assert trust.conditions["StringEquals"][f"{ISSUER}:sub"] == [
        "repo:octo/stars:environment:elsewhere"
    ]


def test_persons_who_deploy_do_it_by_the_cdk_s_roles_and_let_nobody_else_in(
    made: Templates, tmp_path: Path
) -> None:
    persons = ["arn:aws:iam::222222222222:role/lead", "arn:aws:iam::222222222222:user/ops"]
    alone = synthesise_delivery(
        tmp_path, repository="", repository_ids="", deployer_principals=persons
    )
    [role] = alone.resources("AWS::IAM::Role")
    assert role.properties["RoleName"] == alone.stage.role_name("deployer")
    trusts = of(alone, "Deployer", "trust")
    assert {arn for trust in trusts for arn in trust.principals("AWS")} == set(persons)
    [may], [workflow] = of(alone, "Deployer", "identity"), of(made, "Deploy", "identity")
    assert may.body == workflow.body


def test_a_stage_without_a_repository_has_no_roles_for_one(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"delivery\.repository is empty: name the repository"):
        synthesise_delivery(tmp_path, repository="", repository_ids="")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"repository": "stars"}, "'stars' is not empty, or ORG/REPO"),
        ({"repository": "octo/*"}, "is not empty, or ORG/REPO"),
        ({"repository_ids": "123"}, "'123' is not empty, or two numbers"),
        ({"repository": ""}, "repository_ids are of a repository"),
        ({"environment": "*"}, "is not the name of an environment"),
        ({"provider_arn": "arn:aws:iam::1:oidc-provider/x"}, "is not empty, or the ARN of GitHub"),
    ],
)
def test_a_value_that_would_let_others_in_is_refused(
    tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        synthesise_delivery(tmp_path, **changed)
