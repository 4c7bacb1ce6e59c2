"""`operate destroy` against MiniStack: what must be empty is emptied, what is retained is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.ports import images, jobs, machines, models, objects, stacks
from operate import follow
from operate.destroy import destroy
from operate.errors import OperateError
from operate.place import Place
from tests.unit.local_cloud.conftest import IMAGE, Cloud, deploy, may

PLACE = Place("local")


@pytest.fixture(autouse=True)
def ports(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ports reach the cloud of this process."""
    for port in (images, jobs, machines, models, objects, stacks):
        monkeypatch.setattr(port, "client", cloud.client)
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)


def bucket(name: str, policy: str = "") -> dict[str, Any]:
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": name, "VersioningConfiguration": {"Status": "Enabled"}},
        **({"DeletionPolicy": policy} if policy else {}),
    }


def fill(cloud: Cloud, *buckets: str) -> None:
    for name in buckets:
        for body in (b"old", b"new"):
            cloud.client("s3").put_object(Bucket=name, Key="a", Body=body)
        cloud.client("s3").delete_object(Bucket=name, Key="a")


def test_only_what_goes_with_its_stack_is_emptied(cloud: Cloud) -> None:
    kept = bucket("kept", "Retain")
    deploy(cloud, "review-stars-local-foundation", Raw=bucket("raw", "Delete"), Kept=kept)
    fill(cloud, "raw", "kept")
    message: list[str] = []
    destroy(PLACE, log=message.append)
    assert "emptied raw: 3 object versions" in message
    assert "deleted review-stars-local-foundation" in message
    assert not [line for line in message if "emptied kept" in line]
    left = cloud.client("s3").list_object_versions(Bucket="kept")
    assert len(left["Versions"]) == 2
    assert [item["Name"] for item in cloud.client("s3").list_buckets()["Buckets"]] == ["kept"]


def test_images_go_with_their_repository_or_stay_with_it(cloud: Cloud) -> None:
    made = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "going"}}
    kept = {**made, "Properties": {"RepositoryName": "kept"}, "DeletionPolicy": "Retain"}
    deploy(cloud, "review-stars-local-foundation", Going=made, Kept=kept)
    registry = cloud.client("ecr")
    for repository in ("going", "kept"):
        for tag in ("a", "b"):
            registry.put_image(repositoryName=repository, imageTag=tag, imageManifest=tag)
    said: list[str] = []
    destroy(PLACE, log=said.append)
    assert "deleted 2 images of going" in said
    assert "kept: AWS::ECR::Repository kept" in said
    [left] = registry.describe_repositories()["repositories"]
    assert left["repositoryName"] == "kept"
    assert len(registry.list_images(repositoryName="kept")["imageIds"]) == 2


def test_a_stage_of_a_longer_name_keeps_what_it_serves_with(cloud: Cloud) -> None:
    """`local` is deleted beside `local-two`, whose names begin with its own."""
    sagemaker = cloud.client("sagemaker")
    role = cloud.role("model", "sagemaker")
    variant = {"VariantName": "AllTraffic", "InitialInstanceCount": 1}
    for endpoint in ("review-stars-local", "review-stars-local-two", "review-stars-local-7-ab"):
        name = f"{endpoint}--3-0a1b2c-1f2e3d4c"
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": IMAGE}
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{**variant, "ModelName": name, "InstanceType": "ml.c7i.large"}],
        )
    deploy(cloud, "review-stars-local-foundation", Raw=bucket("raw", "Delete"))
    deploy(cloud, "review-stars-local-two-foundation", Raw=bucket("raw-two", "Delete"))
    fill(cloud, "raw-two")
    message: list[str] = []
    destroy(PLACE, log=message.append)
    assert "deleted 2 models and endpoint configurations that releases retained" in message
    left = [
        "review-stars-local-7-ab--3-0a1b2c-1f2e3d4c",
        "review-stars-local-two--3-0a1b2c-1f2e3d4c",
    ]
    assert sorted(model["ModelName"] for model in sagemaker.list_models()["Models"]) == left
    configurations = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert sorted(found["EndpointConfigName"] for found in configurations) == left
    assert stacks.exists("review-stars-local-two-foundation")
    assert len(cloud.client("s3").list_object_versions(Bucket="raw-two")["Versions"]) == 2


def test_a_protected_stack_goes_once_that_is_wanted(cloud: Cloud) -> None:
    name = "review-stars-local-foundation"
    deploy(cloud, name, Raw=bucket("raw", "Delete"))
    found = cloud.client("cloudformation")
    found.update_termination_protection(StackName=name, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection"):
        found.delete_stack(StackName=name)
    message: list[str] = []
    destroy(PLACE, log=message.append)
    assert f"deleted {name}" in message


def test_packages_that_are_kept_are_kept_whole_and_named(cloud: Cloud) -> None:
    name = {"ModelPackageGroupName": "review-stars-local"}
    policy = {"DeletionPolicy": "RetainExceptOnCreate"}
    group = {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": name, **policy}
    deploy(cloud, "review-stars-local-learning", Group=group)
    cloud.client("sagemaker").create_model_package(**name)
    message: list[str] = []
    destroy(PLACE, log=message.append)
    [kept] = [line for line in message if line.startswith("kept: ")]
    assert kept.startswith("kept: AWS::SageMaker::ModelPackageGroup ")
    packages = cloud.client("sagemaker").list_model_packages(**name)["ModelPackageSummaryList"]
    assert len(packages) == 1


def test_package_versions_go_before_their_group(cloud: Cloud) -> None:
    name = {"ModelPackageGroupName": "review-stars-local"}
    group = {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": name}
    deploy(cloud, "review-stars-local-learning", Group=group)
    for _ in range(2):
        cloud.client("sagemaker").create_model_package(**name)
    message: list[str] = []
    destroy(PLACE, log=message.append)
    assert "deleted 2 package versions of review-stars-local" in message
    with pytest.raises(ClientError, match="does not exist"):
        cloud.client("sagemaker").describe_model_package_group(**name)


def test_alarms_made_of_others_go_before_these(cloud: Cloud) -> None:
    watched = {"Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60}
    bound = {"EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
    one = {"AlarmName": "one", **watched, **bound}
    deploy(
        cloud,
        "review-stars-local-endpoint",
        One={"Type": "AWS::CloudWatch::Alarm", "Properties": one},
    )
    felt = {"AlarmName": "felt", "AlarmRule": 'ALARM("one")'}
    composite = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": felt}
    deploy(cloud, "review-stars-local-operations", Felt=composite)
    message: list[str] = []
    destroy(PLACE, log=message.append)
    assert "deleted review-stars-local-endpoint" in message


def test_what_cannot_be_deleted_is_reported_with_its_reason(cloud: Cloud) -> None:
    role = cloud.role("narrow", "cloudformation", may("ssm:PutParameter"))
    live = {"Name": "/live", "Type": "String", "Value": "none"}
    template = {"Resources": {"Live": {"Type": "AWS::SSM::Parameter", "Properties": live}}}
    cloud.client("cloudformation").create_stack(
        StackName="review-stars-local-foundation",
        RoleARN=role,
        TemplateBody=json.dumps(template),
    )
    follow.until("the stack", lambda: stacks.settled("review-stars-local-foundation"), 10)
    message: list[str] = []
    with pytest.raises(OperateError, match="not authorized to perform: ssm:DeleteParameter"):
        destroy(PLACE, log=message.append)


def test_a_stage_that_is_not_deployed_leaves_nothing_to_do(cloud: Cloud) -> None:
    message: list[str] = []
    destroy(PLACE, log=message.append)
    assert len(message) == 1
    assert message[0].startswith("stage local is not deployed in account")
    assert message[0].endswith("there is nothing to delete")
