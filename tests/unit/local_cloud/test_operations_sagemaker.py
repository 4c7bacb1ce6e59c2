"""Our SageMaker as the list of operations says that we rely on it.

Every answer in every test of this folder is held against botocore's model (`shapes.py`).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.local_cloud import shapes
from tests.unit.local_cloud.asking import refusal
from tests.unit.local_cloud.conftest import ACCOUNT, IMAGE, REGION, Cloud, may, until

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def sagemaker(cloud: Cloud) -> Any:
    return cloud.client("sagemaker")


def test_what_is_absent_is_said_by_the_code_of_each_operation(sagemaker: Any) -> None:
    invalid = ("ValidationException", 400)
    package = f"{ARN}:model-package/stars/1"
    execution = f"{ARN}:pipeline/learn/execution/abcdefghijkl"
    for call, name, value in (
        (sagemaker.describe_endpoint, "EndpointName", "none"),
        (sagemaker.delete_endpoint, "EndpointName", "none"),
        (sagemaker.describe_endpoint_config, "EndpointConfigName", "none"),
        (sagemaker.delete_endpoint_config, "EndpointConfigName", "none"),
        (sagemaker.describe_model, "ModelName", "none"),
        (sagemaker.delete_model, "ModelName", "none"),
        (sagemaker.describe_model_package, "ModelPackageName", package),
        (sagemaker.delete_model_package, "ModelPackageName", package),
        (sagemaker.describe_model_package_group, "ModelPackageGroupName", "none"),
        (sagemaker.describe_processing_job, "ProcessingJobName", "none"),
        (sagemaker.stop_processing_job, "ProcessingJobName", "none"),
        (sagemaker.describe_training_job, "TrainingJobName", "none"),
    ):
        assert refusal(call, **{name: value}) == invalid, call
    for call, name, value in (
        (sagemaker.describe_pipeline, "PipelineName", "none"),
        (sagemaker.describe_pipeline_execution, "PipelineExecutionArn", execution),
        (sagemaker.list_pipeline_execution_steps, "PipelineExecutionArn", execution),
        (sagemaker.list_pipeline_executions, "PipelineName", "none"),
        (sagemaker.start_pipeline_execution, "PipelineName", "none"),
    ):
        assert refusal(call, **{name: value}) == ("ResourceNotFound", 400), call


def test_what_is_absent_is_said_in_words_that_our_port_looks_for(sagemaker: Any) -> None:
    with pytest.raises(sagemaker.exceptions.ClientError, match="Could not find"):
        sagemaker.describe_endpoint(EndpointName="none")
    with pytest.raises(sagemaker.exceptions.ClientError, match="does not exist"):
        sagemaker.describe_model_package(ModelPackageName=f"{ARN}:model-package/stars/1")


def test_listings_filter_sort_and_go_on_in_pages(sagemaker: Any) -> None:
    for name in ("stars-1", "stars-2", "stars-3", "other"):
        sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": IMAGE})
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "main",
                    "ModelName": name,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
        )
    for operation, key, field in (
        ("list_models", "Models", "ModelName"),
        ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    ):
        pages = list(
            sagemaker.get_paginator(operation).paginate(
                NameContains="stars", PaginationConfig={"PageSize": 2}
            )
        )
        found = [[item[field] for item in page[key]] for page in pages]
        assert found == [["stars-3", "stars-2"], ["stars-1"]]  # newest first
        assert refusal(getattr(sagemaker, operation), NextToken="!") == ("ValidationException", 400)
    model = sagemaker.describe_model(ModelName="stars-1")
    assert model["PrimaryContainer"]["Image"] == IMAGE
    config = sagemaker.describe_endpoint_config(EndpointConfigName="stars-1")
    assert config["ProductionVariants"][0]["ModelName"] == "stars-1"
    for call, name in (
        (sagemaker.delete_model, {"ModelName": "other"}),
        (sagemaker.delete_endpoint_config, {"EndpointConfigName": "other"}),
    ):
        call(**name)
        assert refusal(call, **name)[0] == "ValidationException"


def test_packages_are_listed_newest_first_in_pages(sagemaker: Any) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName="stars")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://models/m.tar.gz"}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arns = [
        sagemaker.create_model_package(
            ModelPackageGroupName="stars",
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification=specification,
        )["ModelPackageArn"]
        for _ in range(3)
    ]
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="stars",
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 2},
    )
    found = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    assert found == arns[::-1]
    described = sagemaker.describe_model_package(ModelPackageName=arns[0])
    assert (described["ModelPackageVersion"], described["ModelPackageStatus"]) == (1, "Completed")
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    group = sagemaker.describe_model_package_group(ModelPackageGroupName="stars")
    assert group["ModelPackageGroupArn"] == f"{ARN}:model-package-group/stars"


def test_jobs_are_listed_by_name_and_status_and_stopped(cloud: Cloud, sagemaker: Any) -> None:
    role = cloud.role("job", "sagemaker", may("s3:*"))
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    for name in ("stars-1", "stars-2", "other"):
        sagemaker.create_processing_job(
            ProcessingJobName=name,
            RoleArn=role,
            AppSpecification={"ImageUri": IMAGE, "ContainerArguments": ["wait"]},
            ProcessingResources={"ClusterConfig": resources},
        )
    running = {"NameContains": "stars", "StatusEquals": "InProgress"}
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(
        **running, PaginationConfig={"PageSize": 1}
    )
    found = [job["ProcessingJobName"] for page in pages for job in page["ProcessingJobSummaries"]]
    assert found == ["stars-2", "stars-1"]
    sagemaker.stop_processing_job(ProcessingJobName="stars-1")

    def stopped() -> bool:
        job = sagemaker.describe_processing_job(ProcessingJobName="stars-1")
        return bool(job["ProcessingJobStatus"] == "Stopped")

    until(stopped)
    listed = sagemaker.list_processing_jobs(**running)["ProcessingJobSummaries"]
    assert [job["ProcessingJobName"] for job in listed] == ["stars-2"]
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_processing_job(
            ProcessingJobName="stars-2",
            RoleArn=role,
            AppSpecification={"ImageUri": IMAGE},
            ProcessingResources={"ClusterConfig": resources},
        )


def test_an_approval_is_held_to_its_condition_key(cloud: Cloud, sagemaker: Any) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName="stars")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://models/m.tar.gz"}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="stars", InferenceSpecification=specification
    )["ModelPackageArn"]
    key = "sagemaker:ModelApprovalStatus"
    notes = may("sagemaker:UpdateModelPackage", Condition={"Null": {key: "true"}})
    writer = cloud.client("sagemaker", cloud.assume(cloud.role("writer", "account", notes)))
    writer.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"a": "b"})
    asked = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
    assert refusal(writer.update_model_package, **asked)[0] == "AccessDeniedException"


def test_every_answer_is_held_against_its_shape(
    sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(shapes, "check", lambda operation, *_: asked.append(operation))
    sagemaker.list_models()
    assert asked == ["ListModels"]


def test_an_answer_that_is_not_of_its_shape_would_be_found() -> None:
    shape = shapes.sagemaker().operation_model("DescribeEndpoint").output_shape
    right = {
        "EndpointName": "e",
        "EndpointArn": "a",
        "EndpointConfigName": "c",
        "EndpointStatus": "InService",
        "CreationTime": 1.5,
        "LastModifiedTime": 2,
    }
    assert list(shapes.flaws(shape, right, "answer")) == []
    for wrong in (
        {**right, "EndpointStatus": "Fine"},
        {**right, "CreationTime": "yesterday"},
        {**right, "Colour": "red"},
        {name: value for name, value in right.items() if name != "EndpointArn"},
    ):
        assert len(list(shapes.flaws(shape, wrong, "answer"))) == 1
    with pytest.raises(AssertionError, match="no error Gone"):
        shapes.check("DescribeEndpoint", 400, b'{"__type": "Gone", "message": ""}')
