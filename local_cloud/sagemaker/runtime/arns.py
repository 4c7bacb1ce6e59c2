"""The ARNs that a caller needs to be allowed, operation by operation, and a condition key. Pure.

Source: the service authorization reference of Amazon SageMaker. Listings of everything have `*`.
"""

import re
from collections.abc import Mapping
from typing import Any

_NAMED = {
    "Model": ("model", "ModelName"),
    "EndpointConfig": ("endpoint-config", "EndpointConfigName"),
    "Endpoint": ("endpoint", "EndpointName"),
    "Pipeline": ("pipeline", "PipelineName"),
    "ModelPackageGroup": ("model-package-group", "ModelPackageGroupName"),
    "TrainingJob": ("training-job", "TrainingJobName"),
    "ProcessingJob": ("processing-job", "ProcessingJobName"),
}
_VERBS = re.compile(r"(Create|Describe|Update|Delete|Stop)(\w+)")
_BY_ARN = ("PipelineExecutionArn", "ModelPackageArn", "ResourceArn")
_INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations")


def resources(operation: str, request: Mapping[str, Any], account: str, region: str) -> list[str]:
    """Every ARN that the operation touches; all of them must be allowed."""
    start = f"arn:aws:sagemaker:{region}:{account}"
    for field in _BY_ARN:
        if field in request:
            return [str(request[field])]
    if operation in ("InvokeEndpoint", "UpdateEndpointWeightsAndCapacities"):
        return [_named(start, "endpoint", request.get("EndpointName"))]
    if operation in ("CreateModelPackage", "ListModelPackages"):
        group = str(request.get("ModelPackageGroupName", "*")).rsplit("/", 1)[-1]
        return [f"{start}:model-package/{group.lower()}/*"]
    if operation in ("DescribeModelPackage", "DeleteModelPackage"):
        return [str(request.get("ModelPackageName", "*"))]
    if operation in ("StartPipelineExecution", "ListPipelineExecutions"):
        return [_named(start, "pipeline", request.get("PipelineName"))]
    found = []
    match = _VERBS.fullmatch(operation)
    if match and match[2] in _NAMED:
        kind, field = _NAMED[match[2]]
        found.append(_named(start, kind, request.get(field)))
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        found.append(_named(start, "endpoint-config", request.get("EndpointConfigName")))
    return found or ["*"]


def invoked_endpoint(path: str) -> str | None:
    """The endpoint's name in the path of an invocation."""
    match = _INVOCATION.fullmatch(path)
    return match[1] if match else None


def _named(start: str, kind: str, name: Any) -> str:
    text = str(name or "*")
    return text if text.startswith("arn:") else f"{start}:{kind}/{text.lower()}"


def approval(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Give SageMaker's condition key of an approval, which only a call that names one has."""
    status = parameters.get("ModelApprovalStatus")
    return {"sagemaker:ModelApprovalStatus": str(status)} if status else {}
