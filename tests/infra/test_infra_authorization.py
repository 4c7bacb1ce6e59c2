"""AWS takes every statement as it is written, and what it would not take is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from . import authorization
from .authorization import meets
from .reference import reference
from .synthesis import Templates
from .test_infra_sweeps import granting, letting_in

LOGS = "arn:aws:logs:us-east-1:222222222222:log-group:/aws/sagemaker/Endpoints/review-stars-prod"
STATES = "arn:aws:states:us-east-1:222222222222"
SAGEMAKER = "arn:aws:sagemaker:us-east-1:222222222222"
SWEEPS = (
    authorization.unknown_actions,
    authorization.unfit_resources,
    authorization.idle_actions,
    authorization.half_granted,
    authorization.unknown_conditions,
)


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.__name__)
def test_every_statement_is_one_that_aws_takes(
    templates: Templates, sweep: Callable[[Templates], list[str]]
) -> None:
    assert sweep(templates) == []


def test_every_form_beyond_the_reference_is_needed(every_stage: dict[str, Templates]) -> None:
    used = set[str]().union(*map(authorization.beyond_the_reference, every_stage.values()))
    assert used == authorization.ALSO.keys()


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("logs:CreateLogGroup", LOGS),  # without `:*` the endpoint wrote no log
        ("logs:CreateLogStream", LOGS),
        ("logs:PutLogEvents", f"{LOGS}/a"),
        ("logs:TagResource", f"{LOGS}:*"),
        ("s3:GetObject", "arn:aws:s3:::review-stars-prod-raw"),
        ("s3:ListBucket", "arn:aws:s3:::review-stars-prod-raw/incoming/*"),
        ("kms:Decrypt", "arn:aws:kms:us-east-1:222222222222:alias/review-stars-prod-data"),
        ("sagemaker:DescribeModelPackage", f"{SAGEMAKER}:model-package-group/review-stars-prod"),
        ("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoints/review-stars-prod"),
        ("states:StartExecution", f"{STATES}:execution:review-stars-prod-learn:*"),
        ("states:StopExecution", f"{STATES}:stateMachine:review-stars-prod-learn"),
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:222222222222:queue/review-stars-prod"),
        ("ecr:GetAuthorizationToken", "arn:aws:ecr:us-east-1:222222222222:repository/a"),
        ("sns:Publish", {"Fn::GetAtt": ["BucketsRaw686CB728", "Arn"]}),
    ],
)
def test_a_resource_that_the_action_never_asks_about_would_be_found(
    prod: Templates, action: str, resource: Any
) -> None:
    added = granting(prod, action, resource)
    if isinstance(resource, dict):
        added = prod.having("Preprocessing", "BucketsRaw686CB728", "AWS::S3::Bucket")
        added = granting(added, action, resource)
    [found] = authorization.unfit_resources(added)
    assert found.startswith(f"Preprocessing/Added: {action} on arn:aws:")
    [idle] = authorization.idle_actions(added)
    assert idle.startswith(f"Preprocessing/Added: {action} on ")


def test_an_action_that_idles_beside_one_that_works_would_be_found(prod: Templates) -> None:
    bucket = "arn:aws:s3:::review-stars-prod-raw"
    added = granting(prod, ["s3:GetObject", "s3:ListBucket"], f"{bucket}/incoming/*")
    assert authorization.unfit_resources(added) == []
    assert authorization.idle_actions(added) == [
        f"Preprocessing/Added: s3:ListBucket on {bucket}/incoming/*"
    ]


def test_half_of_what_an_action_asks_about_would_be_found(prod: Templates) -> None:
    added = granting(prod, "sagemaker:UpdateEndpoint", f"{SAGEMAKER}:endpoint/review-stars-prod")
    added.stacks["Preprocessing"]["Resources"]["Added"]["Properties"]["Roles"] = ["some-role"]
    assert authorization.half_granted(added) == [
        "Preprocessing/some-role: sagemaker:UpdateEndpoint on no endpoint-config"
    ]


@pytest.mark.parametrize("action", ["logs:CreateLogGroups", "s3:HeadObject", "sagemaker:Approve*"])
def test_an_action_that_no_service_has_would_be_found(prod: Templates, action: str) -> None:
    added = granting(prod, action, "*")
    assert authorization.unknown_actions(added) == [f"Preprocessing/Added: {action}"]


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("sagemaker:DescribeModelPackage", "sagemaker:ModelApprovalStatus"),
        ("s3:GetObject", "s3:prefix"),
        ("events:PutEvents", "events:sources"),
        ("iam:PassRole", "aws:PassedToService"),
        ("kms:CreateGrant", "kms:GrantIsForAWSResources"),
    ],
)
def test_a_condition_that_never_holds_would_be_found(
    prod: Templates, action: str, key: str
) -> None:
    added = granting(prod, action, "*", Condition={"StringEquals": {key: "a"}})
    assert authorization.unknown_conditions(added) == [f"Preprocessing/Added: {action} if {key}"]


def test_a_condition_of_a_key_s_own_policy_would_be_found(prod: Templates) -> None:
    condition = {"StringEquals": {"kms:GrantIsForAWSResource": "true"}}
    added = letting_in(prod, {"Service": "logs.amazonaws.com"}, Condition=condition)
    assert authorization.unknown_conditions(added) == [
        "Foundation/Added: kms:Decrypt if kms:GrantIsForAWSResource"
    ]


@pytest.mark.parametrize(
    ("resource", "form", "fits"),
    [
        ("*", "arn:a:${Name}", True),
        ("arn:a:b", "arn:a:${Name}", True),
        ("arn:a:", "arn:a:${Name}", False),
        ("arn:a:*", "arn:a:${Name}", True),
        ("arn:a:b/c", "arn:a:${Name}", False),
        ("arn:a:b/c", "arn:a:${ObjectName}", True),
        ("arn:a:b:c", "arn:a:${ObjectName}", False),
        ("arn:a:b*", "arn:a:${Name}:log-stream:", True),
        ("arn:a:b", "arn:a:${Name}:log-stream:", False),
        ("arn:a:b-*/c", "arn:a:${Name}/${Other}", True),
        ("arn:a:b-*/c", "arn:a:${Name}", False),
    ],
)
def test_a_resource_meets_a_form(resource: str, form: str, fits: bool) -> None:
    assert meets(resource, form) is fits


def test_the_reference_says_whose_it_is_and_of_when() -> None:
    assert reference().source.startswith("Service Authorization Reference, by npm @")
    assert date(2026, 1, 1) < date.fromisoformat(reference().taken)
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z]\w+", name) for name in reference().actions)
