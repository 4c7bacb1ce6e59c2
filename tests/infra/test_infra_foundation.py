"""What everything stands on: keys, buckets, the alert topic, the trail."""

from __future__ import annotations

import pytest
from aws_cdk.assertions import Capture, Match

from .policies import statements
from .synthesis import Templates, listed, text

KEPT = ("raw", "curated", "models", "observations", "audit")


def bucket_of(templates: Templates, name: str) -> str:
    """The logical id of a bucket."""
    [(id, _)] = (
        templates.of("Foundation")
        .find_resources(
            "AWS::S3::Bucket", {"Properties": {"BucketName": templates.stage.bucket_name(name)}}
        )
        .items()
    )
    return id


def test_every_key_that_encrypts_rotates(templates: Templates) -> None:
    found = [key.properties for key in templates.resources("AWS::KMS::Key")]
    assert len(found) == 3
    assert [k.get("EnableKeyRotation") for k in found if "KeySpec" not in k] == [True, True]


def test_nobody_signs_but_the_function_after_the_gate(templates: Templates) -> None:
    """Not even who may do everything in IAM: the key itself refuses all others."""
    [key] = [k for k in templates.resources("AWS::KMS::Key") if "KeySpec" in k.properties]
    assert key.properties["KeySpec"] == "ECC_NIST_P256"
    assert key.properties["KeyUsage"] == "SIGN_VERIFY"
    denied = [s for s in key.properties["KeyPolicy"]["Statement"] if s["Effect"] == "Deny"]
    signer = templates.stage.role_arn("signing")
    others = {"ArnNotEquals": {"aws:PrincipalArn": signer}}
    everybody = {"AWS": "*"}
    assert denied == [
        {
            "Action": "kms:Sign",
            "Condition": others,
            "Effect": "Deny",
            "Principal": everybody,
            "Resource": "*",
        }
    ]
    may = [s.where for s in statements(templates) if "kms:Sign" in s.actions and s.allows]
    assert len(may) == 1, may
    roles = [r for r in templates.resources("AWS::IAM::Role") if "RoleName" in r.properties]
    [role] = [r for r in roles if signer.endswith(f"/{r.properties['RoleName']}")]
    assert role.id.startswith("SigningSign")


def test_every_bucket_is_private_and_versioned(templates: Templates) -> None:
    blocked = {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    templates.of("Foundation").all_resources_properties(
        "AWS::S3::Bucket",
        {
            "PublicAccessBlockConfiguration": blocked,
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    )


@pytest.mark.parametrize("name", KEPT)
def test_data_is_encrypted_by_our_key_and_each_access_logged(
    templates: Templates, name: str
) -> None:
    key = Capture()
    templates.of("Foundation").has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketName": templates.stage.bucket_name(name),
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "BucketKeyEnabled": True,
                        "ServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]},
                        },
                    }
                ]
            },
            "LoggingConfiguration": {
                "DestinationBucketName": {"Ref": bucket_of(templates, "logs")},
                "LogFilePrefix": f"{name}/",
            },
        },
    )
    assert key.as_string() in templates.of("Foundation").find_resources("AWS::KMS::Key")


def test_access_logs_lie_under_a_key_of_s3(templates: Templates) -> None:
    """S3 delivers them to no other."""
    templates.of("Foundation").has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketName": templates.stage.bucket_name("logs"),
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "LoggingConfiguration": Match.absent(),
        },
    )


def test_old_tls_is_refused(templates: Templates) -> None:
    policies = templates.of("Foundation").find_resources("AWS::S3::BucketPolicy")
    assert len(policies) == len(KEPT) + 1
    for policy in policies.values():
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in [
            statement.get("Condition")
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]


def test_new_raw_objects_reach_the_bus(templates: Templates) -> None:
    templates.of("Foundation").has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketName": templates.stage.bucket_name("raw"),
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        },
    )


def test_work_files_and_old_versions_go(prod: Templates) -> None:
    days = prod.stage.data.retention_days
    prod.of("Foundation").has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketName": prod.stage.bucket_name("curated"),
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        "Status": "Enabled",
                    },
                    {"Prefix": "work/", "ExpirationInDays": days, "Status": "Enabled"},
                ]
            },
        },
    )


def test_data_outlives_its_stack_where_the_stage_says_so(
    every_stage: dict[str, Templates],
) -> None:
    for templates in every_stage.values():
        goes = templates.stage.data.remove_on_destroy
        wanted = "Delete" if goes else "RetainExceptOnCreate"
        for kind in ("AWS::S3::Bucket", "AWS::KMS::Key"):
            templates.of("Foundation").all_resources(kind, {"DeletionPolicy": wanted})
    assert not every_stage["prod"].stage.data.remove_on_destroy


def test_the_alert_topic_is_encrypted_by_its_own_key(templates: Templates) -> None:
    foundation = templates.of("Foundation")
    foundation.resource_count_is("AWS::SNS::Topic", 1)
    key = Capture()
    foundation.has_resource_properties(
        "AWS::SNS::Topic",
        {
            "TopicName": templates.stage.name("alerts"),
            "KmsMasterKeyId": {"Fn::GetAtt": [key, "Arn"]},
        },
    )
    [alias] = foundation.find_resources(
        "AWS::KMS::Alias", {"Properties": {"AliasName": f"alias/{templates.stage.name('alerts')}"}}
    ).values()
    assert alias["Properties"]["TargetKeyId"] == {"Fn::GetAtt": [key.as_string(), "Arn"]}


def test_the_stage_says_who_is_told(every_stage: dict[str, Templates]) -> None:
    for templates in every_stage.values():
        subscriptions = templates.of("Foundation").find_resources("AWS::SNS::Subscription").values()
        protocols = sorted(subscription["Properties"]["Protocol"] for subscription in subscriptions)
        wanted = ["email"] * len(templates.stage.alerts.emails)
        assert protocols == wanted + ["sqs"] * templates.stage.alerts.inbox


def test_the_trail_keeps_every_access_to_raw_and_models(templates: Templates) -> None:
    watched = [
        {"Fn::Join": ["", [{"Fn::GetAtt": [bucket_of(templates, name), "Arn"]}, "/"]]}
        for name in ("raw", "models")
    ]
    templates.of("Foundation").has_resource_properties(
        "AWS::CloudTrail::Trail",
        {
            "TrailName": templates.stage.name(),
            "IsLogging": True,
            "EnableLogFileValidation": True,
            "KMSKeyId": Match.any_value(),
            "S3BucketName": {"Ref": bucket_of(templates, "audit")},
            "EventSelectors": [
                {
                    "DataResources": [{"Type": "AWS::S3::Object", "Values": watched}],
                    "IncludeManagementEvents": True,
                    "ReadWriteType": "All",
                }
            ],
        },
    )


def test_nobody_but_the_trail_writes_its_store(templates: Templates) -> None:
    store = bucket_of(templates, "audit")
    writers = {
        service
        for grant in statements(templates, "resource")
        if grant.allows and {"Ref": store} == grant.holder.properties.get("Bucket")
        for service in grant.principals("Service")
    }
    assert writers == {"cloudtrail.amazonaws.com"}
    assert not [
        grant.where
        for grant in statements(templates, "identity")
        if any(templates.stage.bucket_name("audit") in resource for resource in grant.resources)
    ]


def test_later_stacks_take_nothing_but_keys_from_this_one(templates: Templates) -> None:
    """Every other export would lock it: buckets and topic are known by their names."""
    exports = templates.stacks["Foundation"].get("Outputs", {})
    exported = [text(out["Value"]) for out in exports.values() if "Export" in out]
    assert len(exported) == 3
    assert all(value.startswith("${Keys") for value in exported)


def test_no_stack_but_foundation_exports(templates: Templates) -> None:
    assert [
        stack
        for stack, template in templates.stacks.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output and stack != "Foundation"
    ] == []


def test_all_resources_carry_their_stage(templates: Templates) -> None:
    """Two stages can share an account: every name that we choose holds the stage's."""
    named = {
        "AWS::S3::Bucket": "BucketName",
        "AWS::SQS::Queue": "QueueName",
        "AWS::Events::Rule": "Name",
        "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::StepFunctions::StateMachine": "StateMachineName",
        "AWS::IAM::Role": "RoleName",
        "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
        "AWS::SageMaker::Pipeline": "PipelineName",
        "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupName",
        "AWS::SageMaker::Endpoint": "EndpointName",
    }
    names = [
        name
        for resource in templates.resources(*named)
        for name in listed(resource.properties.get(named[resource.kind]))
        if name is not None
    ]
    assert len(names) > 30
    assert [name for name in names if not name.startswith(templates.stage.name())] == []
