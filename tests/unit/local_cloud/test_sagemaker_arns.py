"""The ARNs that a call of SageMaker must be allowed on."""

from __future__ import annotations

import pytest

from local_cloud.sagemaker.runtime import arns

START = "arn:aws:sagemaker:us-east-1:000000000000"


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("InvokeEndpoint", {"EndpointName": "Stars"}, ["endpoint/stars"]),
        (
            "CreateEndpoint",
            {"EndpointName": "E", "EndpointConfigName": "C"},
            ["endpoint/e", "endpoint-config/c"],
        ),
        ("DescribeModel", {"ModelName": "M"}, ["model/m"]),
        ("CreateModelPackage", {"ModelPackageGroupName": "G"}, ["model-package/g/*"]),
        ("StartPipelineExecution", {"PipelineName": "P"}, ["pipeline/p"]),
        ("StopTrainingJob", {"TrainingJobName": "T"}, ["training-job/t"]),
    ],
)
def test_a_call_is_authorized_on_everything_that_it_names(
    operation: str, request_: dict[str, str], expected: list[str]
) -> None:
    found = arns.resources(operation, request_, "000000000000", "us-east-1")
    assert found == [f"{START}:{name}" for name in expected]


def test_a_call_that_names_an_arn_or_nothing_keeps_it() -> None:
    package = f"{START}:model-package/g/1"
    for operation, field in [
        ("UpdateModelPackage", "ModelPackageArn"),
        ("DescribeModelPackage", "ModelPackageName"),
        ("AddTags", "ResourceArn"),
    ]:
        assert arns.resources(operation, {field: package}, "0", "x") == [package]
    assert arns.resources("ListModels", {}, "0", "x") == ["*"]


def test_only_the_path_of_an_invocation_names_an_endpoint() -> None:
    assert arns.invoked_endpoint("/endpoints/stars/invocations") == "stars"
    assert arns.invoked_endpoint("/endpoints/stars/async-invocations") is None
    assert arns.invoked_endpoint("/") is None
