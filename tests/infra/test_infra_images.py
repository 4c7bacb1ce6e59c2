"""Where images lie: in a repository of the stage's own, from which no live package's image goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.constructs.image_repository import publishing_role_arn

from .policies import statements
from .synthesis import Json, Templates, listed, synthesise, text, with_value

BUILDING = ("dev", "prod")
PULLS = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")


def published(assembly: Path) -> set[str]:
    """The repositories to which the CDK CLI pushes the images of an assembly."""
    manifests = [json.loads(path.read_text()) for path in assembly.glob("*.assets.json")]
    images = [image for manifest in manifests for image in manifest["dockerImages"].values()]
    return {to["repositoryName"] for image in images for to in image["destinations"].values()}


def repository(templates: Templates) -> Json:
    [found] = templates.resources("AWS::ECR::Repository")
    return found.body


def losing(templates: Templates) -> list[str]:
    """Rules by which an image goes that a package may name: by its tag, which is its content."""
    rules = [
        rule
        for made in templates.resources("AWS::ECR::Repository")
        for rule in json.loads(made.properties["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    ]
    selections = [rule["selection"]["tagStatus"] for rule in rules]
    return [status for status in selections if status != "untagged"]


def pulling_elsewhere(templates: Templates) -> list[str]:
    """Roles that may pull an image from another repository than the stage's own."""
    own = templates.stage.arn("ecr", f"repository/{templates.stage.image_repository}")
    return [
        f"{grant.where}: {text(resource)}"
        for grant in statements(templates, "identity")
        if set(PULLS) & set(grant.actions)
        for resource in grant.resources
        if text(resource) != own
    ]


@pytest.mark.parametrize("label", BUILDING)
def test_images_lie_apart_from_the_assets_that_cdk_gc_cleans(label: str, tmp_path: Path) -> None:
    made = synthesise(label, tmp_path)
    assert published(tmp_path) == {made.stage.image_repository}
    assert repository(made)["Properties"]["RepositoryName"] == made.stage.image_repository


@pytest.mark.parametrize("label", BUILDING)
def test_an_image_stays_as_it_was_pushed_and_is_looked_through(
    every_stage: dict[str, Templates], label: str
) -> None:
    properties = repository(every_stage[label])["Properties"]
    assert properties["ImageTagMutability"] == "IMMUTABLE"
    assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    encryption = properties["EncryptionConfiguration"]
    assert encryption["EncryptionType"] == "KMS"
    assert text(encryption["KmsKey"]).startswith("${KeysData")


@pytest.mark.parametrize("label", BUILDING)
def test_no_rule_takes_an_image_that_a_package_may_name(
    every_stage: dict[str, Templates], label: str
) -> None:
    assert losing(every_stage[label]) == []

    def shorten(resources: Json) -> None:
        for body in resources.values():
            if body["Type"] == "AWS::ECR::Repository":
                rule = {"rules": [{"selection": {"tagStatus": "any", "countNumber": 10}}]}
                policy = {"LifecyclePolicyText": json.dumps(rule)}
                body["Properties"]["LifecyclePolicy"] = policy

    assert losing(every_stage[label].broken("Foundation", shorten)) == ["any"]


def test_images_stay_where_the_data_stay(every_stage: dict[str, Templates]) -> None:
    policies = {label: repository(every_stage[label])["DeletionPolicy"] for label in BUILDING}
    assert policies == {"dev": "Delete", "prod": "RetainExceptOnCreate"}


@pytest.mark.parametrize("label", BUILDING)
def test_only_the_cdk_s_role_publishes_and_nobody_deletes(
    every_stage: dict[str, Templates], label: str
) -> None:
    made = every_stage[label]
    [rule] = repository(made)["Properties"]["RepositoryPolicyText"]["Statement"]
    assert rule["Principal"] == {"AWS": publishing_role_arn(made.stage)}
    verbs = {action.partition(":")[2] for action in listed(rule["Action"])}
    assert "PutImage" in verbs
    assert not [verb for verb in verbs if "Delete" in verb or "*" in verb]


def test_roles_pull_from_the_stage_s_repository_alone(prod: Templates) -> None:
    pulls = [g for g in statements(prod, "identity") if set(PULLS) & set(g.actions)]
    assert len(pulls) == 4  # the model, the pipeline's jobs, Track, batch predictions
    assert pulling_elsewhere(prod) == []
    statement = {"Effect": "Allow", "Action": list(PULLS), "Resource": "arn:aws:ecr:::repository/a"}
    policy = {"PolicyDocument": {"Statement": [statement]}, "Roles": ["r"]}
    added = prod.having("Learning", "Added", "AWS::IAM::Policy", **policy)
    assert pulling_elsewhere(added) == ["Learning/Added: arn:aws:ecr:::repository/a"]


def test_a_stage_that_names_an_image_has_no_repository(tmp_path: Path) -> None:
    named = "333333333333.dkr.ecr.us-east-1.amazonaws.com/other"
    made = synthesise("prod", tmp_path, with_value("prod", "learning.image_uri", named))
    assert list(made.resources("AWS::ECR::Repository")) == []
    assert published(tmp_path) == set()
