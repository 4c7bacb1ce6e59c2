"""Policies of all stacks at once: nothing open, and what is opened on purpose is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.acknowledged import FUNCTION_NETWORK, JOB_NETWORK, WILDCARDS

from . import sweeps
from .synthesis import Json, Templates, synthesise_delivery

OF_A_NETWORK = (FUNCTION_NETWORK, JOB_NETWORK)  # no stage names one: test_infra_network.py
POLICY, ROLE, KEY = "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::KMS::Key"


def granting(templates: Templates, action: Any, resource: Any, **more: Any) -> Templates:
    """A copy in which a role of Preprocessing has one right more."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    document = {"Statement": [statement]}
    return templates.having("Preprocessing", "Added", POLICY, PolicyDocument=document)


def letting_in(templates: Templates, principal: Any, **more: Any) -> Templates:
    """A copy with a key whose policy lets somebody in."""
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", **more}
    document = {"Statement": [{**statement, "Principal": principal}]}
    return templates.having("Foundation", "Added", KEY, KeyPolicy=document)


def without(templates: Templates, stack: str, kind: str) -> Templates:
    """A copy of which one stack has lost all resources of a type."""

    def lose(resources: Json) -> None:
        for id in [id for id, body in resources.items() if body["Type"] == kind]:
            del resources[id]

    return templates.broken(stack, lose)


def test_no_action_is_open(templates: Templates) -> None:
    assert sweeps.open_actions(templates) == []


@pytest.mark.parametrize("action", ["*", "s3:*", "s3:GetObject*", "kms:GenerateDataKey*"])
def test_an_open_action_would_be_found(prod: Templates, action: str) -> None:
    added = granting(prod, ["s3:GetObject", action], "arn:aws:s3:::review-stars-prod-raw/incoming")
    assert sweeps.open_actions(added) == [f"Preprocessing/Added: {action}"]


def test_a_grant_of_all_but_some_actions_would_be_found(prod: Templates) -> None:
    added = granting(prod, "s3:GetObject", "arn:aws:s3:::a/b")
    del added.stacks["Preprocessing"]["Resources"]["Added"]["Properties"]["PolicyDocument"][
        "Statement"
    ][0]["Action"]
    assert sweeps.open_actions(added) == ["Preprocessing/Added: *"]


def test_what_cdk_grants_by_itself_would_be_found(prod: Templates) -> None:
    # `bucket.grant_read_write(role)` writes these: it lists, tags and deletes as well.
    actions = ["s3:GetObject*", "s3:GetBucket*", "s3:List*", "s3:DeleteObject*", "s3:Abort*"]
    added = granting(prod, actions, "arn:aws:s3:::review-stars-prod-raw/incoming")
    assert len(sweeps.open_actions(added)) == len(actions)


def test_no_resource_is_open_without_a_written_reason(templates: Templates) -> None:
    assert sweeps.open_resources(templates) == []


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::review-stars-prod-raw/*",
        {"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/*"]]},
    ],
)
def test_an_open_resource_would_be_found(prod: Templates, resource: Any) -> None:
    [found] = sweeps.open_resources(granting(prod, "s3:GetObject", resource))
    assert found.startswith("Preprocessing/Added: ")


def test_a_reason_holds_for_its_own_actions_alone(prod: Templates) -> None:
    assert sweeps.open_resources(granting(prod, "logs:GetLogDelivery", "*")) == []
    added = granting(prod, ["logs:GetLogDelivery", "logs:DeleteLogGroup"], "*")
    assert sweeps.open_resources(added) == ["Preprocessing/Added: *"]


def test_every_written_reason_is_needed(every_stage: dict[str, Templates], tmp_path: Path) -> None:
    everything = [*every_stage.values(), synthesise_delivery(tmp_path)]
    used = set[Any]().union(*map(sweeps.reasons_used, everything))
    assert [
        wildcard.reason
        for wildcard in WILDCARDS
        if wildcard not in used and wildcard.actions not in OF_A_NETWORK
    ] == []


def test_a_reason_that_nothing_needs_would_be_found(prod: Templates) -> None:
    assert sweeps.reasons_used(without(prod, "Serving", POLICY)) < sweeps.reasons_used(prod)


def test_no_role_has_a_managed_policy(templates: Templates) -> None:
    assert sweeps.managed_policies(templates) == []


def test_a_managed_policy_would_be_found(prod: Templates) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    trust: Json = {"Statement": []}
    added = prod.having(
        "Learning", "Added", ROLE, AssumeRolePolicyDocument=trust, ManagedPolicyArns=[arn]
    )
    assert sweeps.managed_policies(added) == ["Learning/Added"]


def test_every_role_is_passed_to_one_service(templates: Templates) -> None:
    assert sweeps.free_passes(templates) == []


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Condition": {"StringLike": {"iam:PassedToService": "*"}}},
        {"Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}},
    ],
)
def test_a_role_passed_to_anybody_would_be_found(prod: Templates, more: Json) -> None:
    added = granting(prod, "iam:PassRole", "arn:aws:iam::222222222222:role/any", **more)
    assert sweeps.free_passes(added) == ["Preprocessing/Added"]


def test_any_role_passed_would_be_found(prod: Templates) -> None:
    to_one = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    added = granting(prod, "iam:PassRole", "arn:aws:iam::222222222222:role/*", Condition=to_one)
    assert sweeps.free_passes(added) == ["Preprocessing/Added"]


def test_services_are_let_in_for_our_own_resources_alone(templates: Templates) -> None:
    assert sweeps.confused_deputies(templates) == []


def test_a_service_let_in_for_anybody_would_be_found(prod: Templates) -> None:
    service = {"Service": "cloudwatch.amazonaws.com"}
    found = ["Foundation/Added: cloudwatch.amazonaws.com"]
    assert sweeps.confused_deputies(letting_in(prod, service)) == found
    tls = {"Bool": {"aws:SecureTransport": "true"}}
    assert sweeps.confused_deputies(letting_in(prod, service, Condition=tls)) == found


def test_services_take_our_roles_for_our_own_account_alone(templates: Templates) -> None:
    assert sweeps.untied_roles(templates) == []


@pytest.mark.parametrize("condition", [{}, {"StringEquals": {"aws:SourceAccount": "9" * 12}}])
def test_a_role_that_a_service_takes_for_anybody_would_be_found(
    prod: Templates, condition: Json
) -> None:
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Condition": condition,
    }
    added = prod.having("Learning", "Added", ROLE, AssumeRolePolicyDocument={"Statement": [trust]})
    assert sweeps.untied_roles(added) == ["Learning/Added: sagemaker.amazonaws.com"]


def test_no_role_of_ours_approves_where_persons_do(prod: Templates) -> None:
    assert prod.stage.learning.approve == "manual"
    assert sweeps.approving(prod) == []


@pytest.mark.parametrize("action", ["CreateModelPackage", "UpdateModelPackage"])
def test_a_role_that_approves_would_be_found(prod: Templates, action: str) -> None:
    versions = "arn:aws:sagemaker:us-east-1:222222222222:model-package/review-stars-prod/*"
    pending = {"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}}
    for more in ({}, {"Condition": pending}):
        added = granting(prod, f"sagemaker:{action}", versions, **more)
        assert sweeps.approving(added) == ["Preprocessing/Added"]


def test_no_stranger_is_let_in(templates: Templates) -> None:
    assert sweeps.strangers(templates) == []


@pytest.mark.parametrize("stranger", ["*", "arn:aws:iam::999999999999:root"])
def test_a_stranger_would_be_found(prod: Templates, stranger: str) -> None:
    found = [f"Foundation/Added: {stranger}"]
    assert sweeps.strangers(letting_in(prod, {"AWS": stranger})) == found


def test_everybody_let_in_without_a_name_would_be_found(prod: Templates) -> None:
    assert sweeps.strangers(letting_in(prod, "*")) == ["Foundation/Added: *"]


def test_no_template_names_another_account(templates: Templates) -> None:
    assert sweeps.foreign_accounts(templates) == []


def test_another_account_would_be_found(prod: Templates) -> None:
    joined = {"Fn::Join": ["", ["arn:aws:sqs:us-east-1:", "999999999999:queue"]]}
    assert sweeps.foreign_accounts(granting(prod, "sqs:SendMessage", joined)) == [
        "Preprocessing/Added: 999999999999"
    ]


def test_every_log_is_encrypted_and_ends(templates: Templates) -> None:
    assert sweeps.unencrypted_logs(templates) == []
    assert sweeps.unnamed_logs(templates) == []


@pytest.mark.parametrize("kept", [{"KmsKeyId": "a"}, {"RetentionInDays": 30}])
def test_a_log_without_a_key_or_without_an_end_would_be_found(
    prod: Templates, kept: dict[str, Any]
) -> None:
    added = prod.having("Serving", "Added", "AWS::Logs::LogGroup", **kept)
    assert sweeps.unencrypted_logs(added) == ["Serving/Added"]


def test_a_function_that_lets_lambda_make_its_log_would_be_found(prod: Templates) -> None:
    added = prod.having("Serving", "Added", "AWS::Lambda::Function", Handler="a.handler")
    assert sweeps.unnamed_logs(added) == ["Serving/Added"]


def test_plain_http_is_refused_everywhere(templates: Templates) -> None:
    assert sweeps.plain_http(templates) == []


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"])
def test_what_takes_plain_http_would_be_found(prod: Templates, kind: str) -> None:
    assert sweeps.plain_http(prod.having("Foundation", "Added", kind)) == ["Foundation/Added"]
