"""SageMaker: packages, endpoints, models, pipeline executions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.contract.names import released_version
from lambdas.contract.packages import PENDING
from lambdas.ports.clients import client

CARD_PENDING = "PendingReview"  # SageMaker's word for a card that a person has not read


@dataclass(frozen=True)
class Package:
    """A version in the registry; `card_status` is empty where it holds no model card."""

    arn: str
    version: int
    status: str
    approval: str
    created: datetime
    group: str
    model_data_url: str
    metadata: dict[str, str]
    card_status: str = ""


@dataclass(frozen=True, kw_only=True)
class NewPackage:
    """A version to be registered. card: JSON in one line, empty for none.

    token: of whoever asks twice; the same one registers once.
    """

    group: str
    description: str
    image_uri: str
    model_data_url: str
    evaluation_uri: str
    instance_type: str
    metadata: dict[str, str]
    card: str
    token: str


@dataclass(frozen=True)
class EndpointState:
    """What an endpoint says of itself."""

    status: str
    configuration: str
    failure: str


@dataclass(frozen=True)
class PipelineExecution:
    """One execution of a pipeline."""

    arn: str
    status: str
    failure: str
    started: datetime


@dataclass(frozen=True)
class Step:
    """One step of an execution; `metadata` is what SageMaker says of the job behind it."""

    name: str
    status: str
    failure: str
    metadata: dict[str, Any]


def _sagemaker() -> Any:
    return client("sagemaker")


def is_missing(error: ClientError) -> bool:
    """Whether an error of SageMaker says that a thing does not exist."""
    message = error.response["Error"]["Message"].lower()
    return any(part in message for part in ("could not find", "does not exist", "not found"))


def describe_package(arn: str) -> Package:
    """A package by its ARN.

    Raises FileNotFoundError where there is none.
    """
    try:
        answer = _sagemaker().describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if is_missing(error):
            raise FileNotFoundError(f"no model package {arn}") from None
        raise
    containers = answer.get("InferenceSpecification", {}).get("Containers", [{}])
    return Package(
        answer["ModelPackageArn"],
        answer["ModelPackageVersion"],
        answer["ModelPackageStatus"],
        answer.get("ModelApprovalStatus", ""),
        answer["CreationTime"],
        answer["ModelPackageGroupName"],
        containers[0].get("ModelDataUrl", ""),
        answer.get("CustomerMetadataProperties", {}),
        _card_status(answer.get("ModelCard", {})),
    )


def _card_status(card: dict[str, str]) -> str:
    """Its status where it says anything; what SageMaker takes for one without is a draft."""
    return card.get("ModelCardStatus", "Draft") if card.get("ModelCardContent") else ""


def packages(group: str) -> list[Package]:
    """The packages of a group, newest version first."""
    pages = (
        _sagemaker()
        .get_paginator("list_model_packages")
        .paginate(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending")
    )
    found = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    described = [describe_package(arn) for arn in found]
    return sorted(described, key=lambda package: package.version, reverse=True)


def group_arn(name: str) -> str:
    """The ARN of a group of packages; empty where there is none."""
    try:
        found = _sagemaker().describe_model_package_group(ModelPackageGroupName=name)
    except ClientError as error:
        if is_missing(error):
            return ""
        raise
    return str(found["ModelPackageGroupArn"])


def register(wanted: NewPackage) -> str:
    """Register a version with all that is said of it in one call; it waits for an approval.

    Returns its ARN.
    """
    json_only = ["application/json"]
    container = {"Image": wanted.image_uri, "ModelDataUrl": wanted.model_data_url}
    metrics = {"ContentType": json_only[0], "S3Uri": wanted.evaluation_uri}
    card = {"ModelCardContent": wanted.card, "ModelCardStatus": CARD_PENDING}
    answer = _sagemaker().create_model_package(
        ModelPackageGroupName=wanted.group,
        ModelPackageDescription=wanted.description,
        ModelApprovalStatus=PENDING,
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": json_only,
            "SupportedResponseMIMETypes": json_only,
            "SupportedRealtimeInferenceInstanceTypes": [wanted.instance_type],
        },
        ModelMetrics={"ModelQuality": {"Statistics": metrics}},
        CustomerMetadataProperties=wanted.metadata,
        ClientToken=wanted.token,
        **({"ModelCard": card} if wanted.card else {}),
    )
    arn: str = answer["ModelPackageArn"]
    return arn


def approve(arn: str, why: str) -> None:
    """Approve a package: this starts its release."""
    _sagemaker().update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=why
    )


def add_metadata(arn: str, metadata: dict[str, str]) -> None:
    """Add pointers to a package; its approval stays as it is."""
    _sagemaker().update_model_package(ModelPackageArn=arn, CustomerMetadataProperties=metadata)


def put_card(arn: str, content: str) -> None:
    """Give a package its model card, for a person to review; its approval stays as it is.

    content: JSON in one line, in the registry's schema for packages. Content and status go in two
    calls: SageMaker refuses both at once for model cards, and its own SDK parts them here too.
    """
    for card in ({"ModelCardContent": content}, {"ModelCardStatus": CARD_PENDING}):
        _sagemaker().update_model_package(ModelPackageArn=arn, ModelCard=card)


def delete_package(arn: str) -> None:
    """Delete a package version."""
    _sagemaker().delete_model_package(ModelPackageName=arn)


def describe_endpoint(name: str) -> EndpointState:
    """What an endpoint says of itself.

    Raises FileNotFoundError where there is none.
    """
    try:
        answer = _sagemaker().describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_missing(error):
            raise FileNotFoundError(f"no endpoint {name}") from None
        raise
    return EndpointState(
        answer["EndpointStatus"], answer["EndpointConfigName"], answer.get("FailureReason") or ""
    )


def served_package(endpoint_name: str) -> tuple[EndpointState, str]:
    """The endpoint and the ARN of the package that its configuration's model was made from.

    Raises FileNotFoundError where endpoint, configuration or model is missing.
    """
    endpoint = describe_endpoint(endpoint_name)
    try:
        configuration = _sagemaker().describe_endpoint_config(
            EndpointConfigName=endpoint.configuration
        )
        name = configuration["ProductionVariants"][0]["ModelName"]
        model = _sagemaker().describe_model(ModelName=name)
    except ClientError as error:
        if is_missing(error):
            raise FileNotFoundError(f"{endpoint_name} serves what no longer exists") from None
        raise
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    return endpoint, containers[0].get("ModelPackageName", "")


def names_of(kind: str, endpoint_name: str) -> list[str]:
    """Names of the Models ("model") or EndpointConfigs ("endpoint_config") of one endpoint."""
    operation, key, field = {
        "model": ("list_models", "Models", "ModelName"),
        "endpoint_config": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    }[kind]
    pages = _sagemaker().get_paginator(operation).paginate(NameContains=endpoint_name)
    names = [item[field] for page in pages for item in page[key]]
    return [name for name in names if released_version(name, endpoint_name)]


def delete_model(name: str) -> None:
    """Delete a Model."""
    _sagemaker().delete_model(ModelName=name)


def delete_endpoint_config(name: str) -> None:
    """Delete an EndpointConfig."""
    _sagemaker().delete_endpoint_config(EndpointConfigName=name)


def sweep(endpoint_name: str) -> int:
    """Delete every Model and EndpointConfig of an endpoint that is gone; returns how many."""
    configs, found = names_of("endpoint_config", endpoint_name), names_of("model", endpoint_name)
    for name in configs:
        delete_endpoint_config(name)
    for name in found:
        delete_model(name)
    return len(configs) + len(found)


def newest_pipeline_execution(pipeline_name: str) -> PipelineExecution | None:
    """The execution of a pipeline that started last."""
    answer = _sagemaker().list_pipeline_executions(
        PipelineName=pipeline_name, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )
    found = answer["PipelineExecutionSummaries"]
    return describe_pipeline_execution(found[0]["PipelineExecutionArn"]) if found else None


def stop_pipeline_executions(pipeline_name: str) -> int:
    """Stop every execution of a pipeline that runs, and with it its jobs; returns how many."""
    pages = (
        _sagemaker().get_paginator("list_pipeline_executions").paginate(PipelineName=pipeline_name)
    )
    running = [
        item["PipelineExecutionArn"]
        for page in pages
        for item in page["PipelineExecutionSummaries"]
        if item["PipelineExecutionStatus"] == "Executing"
    ]
    for arn in running:
        _sagemaker().stop_pipeline_execution(
            PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex
        )
    return len(running)


def describe_pipeline_execution(arn: str) -> PipelineExecution:
    """What an execution of a pipeline says of itself."""
    answer = _sagemaker().describe_pipeline_execution(PipelineExecutionArn=arn)
    return PipelineExecution(
        arn,
        answer["PipelineExecutionStatus"],
        answer.get("FailureReason") or "",
        answer["CreationTime"],
    )


def pipeline_steps(arn: str) -> list[Step]:
    """The steps of an execution that have begun, in the order of their start."""
    pages = (
        _sagemaker()
        .get_paginator("list_pipeline_execution_steps")
        .paginate(PipelineExecutionArn=arn, SortOrder="Ascending")
    )
    return [
        Step(
            item["StepName"],
            item["StepStatus"],
            item.get("FailureReason") or "",
            item.get("Metadata", {}),
        )
        for page in pages
        for item in page["PipelineExecutionSteps"]
    ]
