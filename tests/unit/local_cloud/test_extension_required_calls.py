"""What each call asks of whom: tasks of machines, resources of stacks, parameters of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.extension import stacks, state_machines, touched_resources
from local_cloud.permissions import encryption
from tests.unit.local_cloud.conftest import ACCOUNT, IMAGE, REGION, Cloud, may

HERE = f"{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/narrow"
EVENT = {"Source": "stars.local", "DetailType": "DatasetReady"}
ENDPOINT = f"arn:aws:sagemaker:{HERE}:endpoint"


@pytest.mark.parametrize(
    ("resource", "words", "expected"),
    [
        (
            f"arn:aws:lambda:{HERE}:function:plan",
            {},
            [("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:plan", {})],
        ),
        (
            "arn:aws:states:::lambda:invoke",
            {"FunctionName": f"arn:aws:lambda:{HERE}:function:plan"},
            [("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:plan", {})],
        ),
        (
            "arn:aws:states:::sns:publish",
            {"TopicArn": f"arn:aws:sns:{HERE}:alerts"},
            [("sns:Publish", f"arn:aws:sns:{HERE}:alerts", {})],
        ),
        (
            "arn:aws:states:::events:putEvents",
            {"Entries": [EVENT, {**EVENT, "EventBusName": "own"}]},
            [
                (
                    "events:PutEvents",
                    f"arn:aws:events:{HERE}:event-bus/{bus}",
                    {"events:source": "stars.local", "events:detail-type": "DatasetReady"},
                )
                for bus in ("default", "own")
            ],
        ),
        (
            "arn:aws:states:::aws-sdk:cloudformation:updateStack",
            {"StackName": "endpoint", "RoleARN": ROLE},
            [
                (
                    "cloudformation:UpdateStack",
                    f"arn:aws:cloudformation:{HERE}:stack/endpoint/*",
                    {"cloudformation:RoleArn": ROLE},
                ),
                ("iam:PassRole", ROLE, {"iam:PassedToService": "cloudformation.amazonaws.com"}),
            ],
        ),
        (
            "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": "Stars"},
            [("sagemaker:DescribeEndpoint", f"{ENDPOINT}/stars", {})],
        ),
        (
            "arn:aws:states:::aws-sdk:ssm:getParameter",
            {"Name": "/stars/live"},
            [("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/stars/live", {})],
        ),
        (
            "arn:aws:states:::aws-sdk:s3:putObject",
            {"Bucket": "models", "Key": "releases/1.json", "Body": {}},
            [("s3:PutObject", "arn:aws:s3:::models/releases/1.json", {})],
        ),
    ],
)
def test_a_task_asks_this_of_the_machine_s_role(
    resource: str, words: Any, expected: list[Any]
) -> None:
    assert list(state_machines.calls(resource, words)) == expected


def test_a_task_without_a_rule_is_refused_and_not_waved_through() -> None:
    with pytest.raises(state_machines.UnknownCallError, match="no rule for the role of"):
        list(state_machines.calls("arn:aws:states:::aws-sdk:ec2:runInstances", {}))


CONFIG = f"arn:aws:sagemaker:{HERE}:endpoint-config/c"
MODEL = f"arn:aws:sagemaker:{HERE}:model/m"
PASS = ("iam:PassRole", ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"})


@pytest.mark.parametrize(
    ("kind", "verb", "properties", "expected"),
    [
        (
            "AWS::SageMaker::Model",
            "Create",
            {"ModelName": "M", "ExecutionRoleArn": ROLE},
            [("sagemaker:CreateModel", MODEL, {}), PASS, ("sagemaker:DescribeModel", MODEL, {})],
        ),
        (
            "AWS::SageMaker::Model",
            "Delete",
            {"ModelName": "M", "ExecutionRoleArn": ROLE},
            [("sagemaker:DeleteModel", MODEL, {})],
        ),
        (
            "AWS::SageMaker::EndpointConfig",
            "Update",  # it is always replaced
            {"EndpointConfigName": "C"},
            [
                ("sagemaker:CreateEndpointConfig", CONFIG, {}),
                ("sagemaker:DescribeEndpointConfig", CONFIG, {}),
            ],
        ),
        (
            "AWS::SageMaker::Endpoint",
            "Update",
            {"EndpointName": "Stars", "EndpointConfigName": CONFIG},
            [
                ("sagemaker:UpdateEndpoint", f"{ENDPOINT}/stars", {}),
                ("sagemaker:UpdateEndpoint", CONFIG, {}),
                ("sagemaker:DescribeEndpoint", f"{ENDPOINT}/stars", {}),
            ],
        ),
        (
            "AWS::SSM::Parameter",
            "Update",
            {"Name": "/stars/live"},
            [("ssm:PutParameter", f"arn:aws:ssm:{HERE}:parameter/stars/live", {})],
        ),
        (
            "AWS::CloudWatch::Alarm",
            "Delete",
            {"AlarmName": "errors"},
            [("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:errors", {})],
        ),
    ],
)
def test_a_resource_asks_this_of_the_stack_s_role(
    kind: str, verb: str, properties: dict[str, Any], expected: list[Any]
) -> None:
    assert list(stacks.calls(kind, verb, properties)) == expected


@pytest.mark.parametrize(
    ("action", "words", "expected"),
    [
        ("cloudwatch:PutMetricData", {"Namespace": "Stars"}, {"cloudwatch:namespace": "Stars"}),
        ("cloudwatch:GetMetricData", {"Namespace": "Stars"}, {}),
        ("events:PutEvents", {"Entries": [EVENT, EVENT]}, {"events:source": "stars.local"}),
        ("events:PutEvents", {"Entries": [EVENT, {"Source": "other"}]}, {}),
        (
            "cloudformation:UpdateStack",
            {"RoleARN": ROLE},
            {"cloudformation:RoleArn": ROLE},
        ),
        ("cloudformation:UpdateStack", {}, {}),
    ],
)
def test_a_request_has_these_condition_keys(
    action: str, words: dict[str, Any], expected: dict[str, str]
) -> None:
    assert touched_resources.condition_keys(action, words, {}) == expected


def test_a_put_that_names_its_key_is_judged_by_that_key() -> None:
    keys = touched_resources.condition_keys(
        "s3:PutObject", {}, {touched_resources.KEY_HEADER: "abc"}
    )
    assert keys == {encryption.OWN_KEY: f"arn:aws:kms:{HERE}:key/abc"}
    uses = list(encryption.implied("s3:PutObject", "arn:aws:s3:::raw/x", keys))
    assert [(use.action, use.key_arn) for use in uses] == [
        ("kms:GenerateDataKey", f"arn:aws:kms:{HERE}:key/abc")
    ]


@pytest.mark.parametrize(
    ("action", "words", "expected"),
    [
        ("ssm:GetParameters", {"Names": ["/a", "b"]}, ["parameter/a", "parameter/b"]),
        (
            "cloudwatch:DescribeAlarms",
            {"AlarmNames.member.1": "x", "AlarmNames.member.2": "y"},
            ["alarm:x", "alarm:y"],
        ),
        ("ssm:GetParameter", {"Name": "/a"}, []),
    ],
)
def test_a_call_with_several_names_is_judged_on_each(
    action: str, words: dict[str, Any], expected: list[str]
) -> None:
    service = action.split(":")[0]
    found = touched_resources.named(action, words, region=REGION, account=ACCOUNT)
    assert found == [f"arn:aws:{service}:{HERE}:{name}" for name in expected]


@pytest.mark.parametrize(
    ("action", "words", "passed"),
    [
        ("sagemaker:CreateModel", {"ExecutionRoleArn": ROLE}, "sagemaker.amazonaws.com"),
        ("cloudformation:UpdateStack", {"RoleARN": ROLE}, "cloudformation.amazonaws.com"),
        ("states:CreateStateMachine", {"roleArn": ROLE}, "states.amazonaws.com"),
        ("lambda:CreateFunction", {"Role": ROLE}, "lambda.amazonaws.com"),
        (
            "firehose:CreateDeliveryStream",
            {"ExtendedS3DestinationConfiguration": {"RoleARN": ROLE}},
            "firehose.amazonaws.com",
        ),
        ("sagemaker:DescribeModel", {"ExecutionRoleArn": ROLE}, ""),
        ("sagemaker:CreateModel", {}, ""),
    ],
)
def test_a_role_that_a_call_hands_over_must_be_passed(
    action: str, words: dict[str, Any], passed: str
) -> None:
    assert list(touched_resources.passed_roles(action, words)) == (
        [(ROLE, passed)] if passed else []
    )


def test_a_caller_needs_pass_role_and_gets_the_reason(
    cloud: Cloud, decisions: Callable[[], list[dict[str, Any]]]
) -> None:
    role = cloud.role("model", "sagemaker")
    me = cloud.role("me", "account", may("sagemaker:CreateModel"))
    words = {"ModelName": "m", "PrimaryContainer": {"Image": IMAGE}, "ExecutionRoleArn": role}
    sagemaker = cloud.client("sagemaker", cloud.assume(me))
    with pytest.raises(ClientError, match=f"perform: iam:PassRole on resource: {role}"):
        sagemaker.create_model(**words)
    assert [item["action"] for item in decisions() if item["decision"] != "Allow"] == [
        "iam:PassRole"
    ]
    cloud.allow("me", may("sagemaker:CreateModel"), may("iam:PassRole", on=role))
    sagemaker.create_model(**words)


def test_a_caller_needs_the_key_behind_a_bucket(cloud: Cloud) -> None:
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="raw")
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket="raw",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    me = cloud.role("me", "account", may("s3:*"), may("kms:GenerateDataKey", on=key))
    mine = cloud.client("s3", cloud.assume(me))
    mine.put_object(Bucket="raw", Key="a", Body=b"a")
    with pytest.raises(ClientError, match=f"kms:Decrypt on resource: {key}"):
        mine.get_object(Bucket="raw", Key="a")
