"""The model registry: versions, approval, and the event that tells of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_cloud.conftest import IMAGE, Cloud

EVENT = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}
APPROVAL = {**EVENT, "detail": {"UpdatedModelPackageFields": ["ModelApprovalStatus"]}}
SCHEMA = Path(__file__).parents[2] / "contract" / "model_card.schema.json"
CONTAINER = {"Image": IMAGE, "ModelDataUrl": "s3://models/1/model.tar.gz"}


@pytest.fixture
def sagemaker(cloud: Cloud) -> Any:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="stars")
    return client


def register(sagemaker: Any, **more: Any) -> str:
    answer = sagemaker.create_model_package(
        ModelPackageGroupName="stars",
        InferenceSpecification={"Containers": [CONTAINER]},
        **more,
    )
    return str(answer["ModelPackageArn"])


def test_versions_count_on_even_where_one_was_deleted(sagemaker: Any) -> None:
    first, second = register(sagemaker), register(sagemaker)
    assert first.endswith("model-package/stars/1")
    sagemaker.delete_model_package(ModelPackageName=second)
    assert register(sagemaker).endswith("model-package/stars/3")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package(ModelPackageName=second)


def test_a_client_token_that_comes_twice_makes_one_version(sagemaker: Any) -> None:
    first = register(sagemaker, ClientToken="a")
    assert register(sagemaker, ClientToken="a") == first
    assert register(sagemaker, ClientToken="b").endswith("/2")
    sagemaker.delete_model_package(ModelPackageName=first)
    assert register(sagemaker, ClientToken="a").endswith("/3")


def test_a_package_waits_for_a_person_unless_the_request_says_otherwise(sagemaker: Any) -> None:
    waiting = sagemaker.describe_model_package(ModelPackageName=register(sagemaker))
    assert waiting["ModelApprovalStatus"] == "PendingManualApproval"
    approved = register(sagemaker, ModelApprovalStatus="Approved")
    found = sagemaker.describe_model_package(ModelPackageName=approved)
    assert found["ModelApprovalStatus"] == "Approved"
    listed = sagemaker.list_model_packages(
        ModelPackageGroupName="stars", ModelApprovalStatus="Approved"
    )
    assert [item["ModelPackageVersion"] for item in listed["ModelPackageSummaryList"]] == [2]


def test_the_event_carries_the_package_and_names_the_fields_that_changed(
    cloud: Cloud, sagemaker: Any
) -> None:
    received = cloud.inbox("packages", EVENT)
    arn = register(sagemaker, CustomerMetadataProperties={"gate": "passed"})
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    created, approved = received()
    assert created["resources"] == [arn]
    assert "UpdatedModelPackageFields" not in created["detail"]
    detail = approved["detail"]
    assert detail["UpdatedModelPackageFields"] == ["ApprovalDescription", "ModelApprovalStatus"]
    assert detail["ModelPackageGroupName"] == "stars"
    assert detail["ModelPackageVersion"] == 1
    assert detail["ModelPackageArn"] == arn
    assert detail["ModelApprovalStatus"] == "Approved"
    assert detail["CustomerMetadataProperties"] == {"gate": "passed"}
    assert detail["InferenceSpecification"]["Containers"] == [CONTAINER]


def test_a_rule_on_the_approval_field_does_not_match_metadata(cloud: Cloud, sagemaker: Any) -> None:
    received = cloud.inbox("approvals", APPROVAL)
    arn = register(sagemaker, ModelApprovalStatus="Approved")
    sagemaker.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"golden": "s3://x"}
    )
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert received() == []  # nothing of it changed
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert [event["detail"]["ModelApprovalStatus"] for event in received()] == ["Rejected"]


def test_metadata_is_added_and_removed_by_its_keys(sagemaker: Any) -> None:
    arn = register(sagemaker, CustomerMetadataProperties={"a": "1", "b": "2"})
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert found["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({f"k{i}": "v" for i in range(51)}, "50 or fewer entries"),
        ({"k": "v" * 257}, "1 to 256"),
        ({"k": "a;b"}, "must match"),
    ],
)
def test_metadata_beyond_the_service_s_limits_is_refused(
    sagemaker: Any, properties: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        register(sagemaker, CustomerMetadataProperties=properties)


def describe(sagemaker: Any, arn: str) -> Any:
    return sagemaker.describe_model_package(ModelPackageName=arn)


def test_a_package_keeps_its_card_whichever_part_comes_first(sagemaker: Any) -> None:
    arn = register(sagemaker)
    assert "ModelCard" not in describe(sagemaker, arn)
    for change in ({"ModelCardContent": "{}"}, {"ModelCardStatus": "PendingReview"}):
        sagemaker.update_model_package(ModelPackageArn=arn, ModelCard=change)
    card = {"ModelCardContent": "{}", "ModelCardStatus": "PendingReview"}
    assert describe(sagemaker, arn)["ModelCard"] == card
    assert describe(sagemaker, register(sagemaker, ModelCard=card))["ModelCard"] == card


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"ModelCardContent": "a card"}, "not valid JSON"),
        ({"ModelCardContent": "[]"}, "not a JSON object"),
        ({"ModelCardContent": '{"a":\n1}'}, "regular expression pattern"),
        ({"ModelCardContent": f'{{"intended_uses": "{"x" * 100_000}"}}'}, "100000"),
        ({"ModelCardContent": '{"model_package_details": {}}'}, "model_package_details"),
        ({"ModelCardContent": '{"model_overview": {"model_id": "x"}}'}, "model_overview.model_id"),
        ({"ModelCardStatus": "Read"}, "must satisfy enum value set"),
    ],
)
def test_a_card_that_the_service_refuses_is_refused(
    sagemaker: Any, card: dict[str, str], message: str
) -> None:
    arn = register(sagemaker)
    with pytest.raises(ClientError, match=message):
        sagemaker.update_model_package(ModelPackageArn=arn, ModelCard=card)
    with pytest.raises(ClientError, match=message):
        register(sagemaker, ModelCard=card)
    assert "ModelCard" not in describe(sagemaker, arn)


def test_every_section_of_the_schema_is_taken(sagemaker: Any) -> None:
    sections = json.loads(SCHEMA.read_text())["properties"]
    card = json.dumps({name: section.get("properties", []) for name, section in sections.items()})
    arn = register(sagemaker, ModelCard={"ModelCardContent": card})
    assert describe(sagemaker, arn)["ModelCard"]["ModelCardStatus"] == "Draft"


def test_an_archived_card_stays_as_it_is(sagemaker: Any) -> None:
    arn = register(sagemaker, ModelCard={"ModelCardContent": "{}", "ModelCardStatus": "Archived"})
    with pytest.raises(ClientError, match="Model Card is in Archived state"):
        sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardContent": "{}"})


def test_a_card_is_no_approval_and_its_content_is_in_no_event(cloud: Cloud, sagemaker: Any) -> None:
    received, approvals = cloud.inbox("cards", EVENT), cloud.inbox("approvals", APPROVAL)
    arn = register(sagemaker)
    sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardContent": "{}"})
    _, told = received()
    assert told["detail"]["UpdatedModelPackageFields"] == ["ModelCard"]
    assert told["detail"]["ModelCard"] == {"ModelCardStatus": "Draft"}
    assert approvals() == []


def test_a_status_that_does_not_exist_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="must satisfy enum value set"):
        register(sagemaker, ModelApprovalStatus="Maybe")


def test_a_group_is_not_deleted_while_it_holds_a_package(sagemaker: Any) -> None:
    arn = register(sagemaker)
    with pytest.raises(ClientError, match="still contains model packages"):
        sagemaker.delete_model_package_group(ModelPackageGroupName="stars")
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName="stars")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName="stars")


def test_a_model_is_made_of_an_approved_package_alone(cloud: Cloud, sagemaker: Any) -> None:
    role = cloud.role("model", "sagemaker")
    arn = register(sagemaker)
    words = {
        "ModelName": "m",
        "PrimaryContainer": {"ModelPackageName": arn},
        "ExecutionRoleArn": role,
    }
    with pytest.raises(ClientError, match="approval status is PendingManualApproval"):
        sagemaker.create_model(**words)
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.create_model(**words)
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        sagemaker.create_model(**words)
