"""AWS::SageMaker::* in templates: what CloudFormation creates, updates, replaces and deletes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services.cloudformation import changesets, provisioners, stacks

from local_cloud.sagemaker import mlflow_apps
from local_cloud.sagemaker.hosting import endpoints, models, scaling
from local_cloud.sagemaker.pipelines import operations as pipelines
from local_cloud.sagemaker.registry import packages
from local_cloud.sagemaker.runtime.errors import ServiceError
from local_cloud.sagemaker.runtime.store import STORE, JsonObject

Created = tuple[str, dict[str, Any]]
Operation = Callable[[JsonObject], JsonObject]


@dataclass(frozen=True)
class ResourceType:
    """How one type of resource maps to the service's operations.

    replacing: properties whose change needs a new resource, of the resource reference.
    attributes: what Fn::GetAtt knows. ref_is_arn: whether Ref is the ARN, else the name.
    """

    name: str
    table: str
    create: Operation
    delete: Operation
    replacing: tuple[str, ...]
    attributes: tuple[str, ...]
    ref_is_arn: bool = True
    update: Operation | None = None
    fields_named_after_it: bool = True

    @property
    def name_field(self) -> str:
        """The property that holds the physical name."""
        return f"{self.name}Name" if self.fields_named_after_it else "Name"

    @property
    def arn_field(self) -> str:
        """The field of the record that holds the ARN."""
        return f"{self.name}Arn" if self.fields_named_after_it else "Arn"


def _create_endpoint(properties: JsonObject) -> JsonObject:
    """Create and wait: a stack goes on only when the endpoint is InService."""
    answer = endpoints.create_endpoint(properties)
    record = endpoints.wait_until_settled(properties["EndpointName"])
    if record["EndpointStatus"] != "InService":
        raise _not_stabilized(record)
    return answer


def _update_endpoint(properties: JsonObject) -> JsonObject:
    """Roll out and wait; an endpoint that went back to its old configuration fails the update."""
    name, wanted = properties["EndpointName"], properties["EndpointConfigName"]
    current = endpoints.endpoint(name).record
    if current["EndpointConfigName"] == wanted and current["EndpointStatus"] == "InService":
        return {}
    fields = (
        "EndpointName", "EndpointConfigName", "DeploymentConfig", "RetainAllVariantProperties",
        "RetainDeploymentConfig",
    )  # fmt: skip
    endpoints.update_endpoint({key: properties[key] for key in fields if key in properties})
    record = endpoints.wait_until_settled(name)
    if record["EndpointStatus"] != "InService" or record["EndpointConfigName"] != wanted:
        raise _not_stabilized(record)
    return {}


def _not_stabilized(record: JsonObject) -> ValueError:
    return ValueError(
        f'Resource handler returned message: "Endpoint {record["EndpointName"]} is '
        f"{record['EndpointStatus']} on {record['EndpointConfigName']}: "
        f'{record.get("FailureReason", "no reason given")}" (HandlerErrorCode: NotStabilized)'
    )


def _delete_endpoint(request: JsonObject) -> JsonObject:
    endpoints.delete_endpoint(request)
    endpoints.wait_until_gone(request["EndpointName"])
    return {}


def _pipeline(operation: Operation) -> Operation:
    """PipelineDefinition is an object in templates and a text in the API."""

    def call(properties: JsonObject) -> JsonObject:
        request = dict(properties)
        definition = request.pop("PipelineDefinition", None) or {}
        body = definition.get("PipelineDefinitionBody")
        if body is not None:
            request["PipelineDefinition"] = body if isinstance(body, str) else json.dumps(body)
        location = definition.get("PipelineDefinitionS3Location")
        if location is not None:
            request["PipelineDefinitionS3Location"] = {
                "Bucket": location["Bucket"],
                "ObjectKey": location["Key"],
            }
        return operation(request)

    return call


RESOURCE_TYPES = {
    "AWS::SageMaker::Model": ResourceType(
        "Model", "model", models.create_model, models.delete_model,
        replacing=(
            "Containers", "PrimaryContainer", "ExecutionRoleArn", "ModelName", "VpcConfig",
            "EnableNetworkIsolation", "InferenceExecutionConfig",
        ),
        attributes=("ModelName",),
    ),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        "EndpointConfig", "endpoint-config", models.create_config, models.delete_config,
        replacing=(
            "ProductionVariants", "ShadowProductionVariants", "EndpointConfigName", "KmsKeyId",
            "DataCaptureConfig", "AsyncInferenceConfig", "ExplainerConfig", "ExecutionRoleArn",
            "VpcConfig", "EnableNetworkIsolation",
        ),
        attributes=("EndpointConfigName",),
    ),
    "AWS::SageMaker::Endpoint": ResourceType(
        "Endpoint", "endpoint", _create_endpoint, _delete_endpoint, update=_update_endpoint,
        replacing=("EndpointName",), attributes=("EndpointName",),
    ),
    "AWS::SageMaker::Pipeline": ResourceType(
        "Pipeline", "pipeline", _pipeline(pipelines.create_pipeline), pipelines.delete_pipeline,
        update=_pipeline(pipelines.update_pipeline),
        replacing=("PipelineName",), attributes=(), ref_is_arn=False,
    ),
    "AWS::SageMaker::MlflowApp": ResourceType(
        "MlflowApp", mlflow_apps.TABLE, mlflow_apps.create_app, mlflow_apps.delete_app,
        update=mlflow_apps.update_app, replacing=("Name",), attributes=("Arn", "Status"),
        fields_named_after_it=False,
    ),
    "AWS::SageMaker::ModelPackageGroup": ResourceType(
        "ModelPackageGroup", "model-package-group", packages.create_group, packages.delete_group,
        replacing=("ModelPackageGroupName", "ModelPackageGroupDescription"),
        attributes=("ModelPackageGroupArn", "ModelPackageGroupStatus", "CreationTime"),
    ),
}  # fmt: skip


def _import_group(identifier: JsonObject) -> Created:
    kind = RESOURCE_TYPES["AWS::SageMaker::ModelPackageGroup"]
    return _described(kind, _name_of(kind, identifier[kind.arn_field]))


def _import_problem(arn: str) -> str | None:
    """Why a group cannot be imported; None where it is there."""
    kind = RESOURCE_TYPES["AWS::SageMaker::ModelPackageGroup"]
    is_there = _name_of(kind, arn) in STORE.table(kind.table)
    return None if is_there else f"ModelPackageGroup {arn} does not exist."


SCALING_TYPES = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
)


def _handlers(kind: ResourceType) -> dict[str, Callable[..., Any]]:
    """The emulator's three calls for one type; refusals become the stack event's reason."""

    def create(logical_id: str, properties: JsonObject, stack_name: str) -> Created:
        name = properties.get(kind.name_field) or provisioners._physical_name(
            stack_name, logical_id, max_len=63
        )
        _refusable(kind.create, {**_typed(properties), kind.name_field: name})
        return _described(kind, name)

    def update(physical_id: str, old: JsonObject, new: JsonObject, stack_name: str) -> Created:
        name = _name_of(kind, physical_id)
        if kind.update is not None:
            _refusable(kind.update, {**_typed(new), kind.name_field: name})
        return _described(kind, name)

    def delete(physical_id: str, properties: JsonObject) -> None:
        name = _name_of(kind, physical_id)
        if name in STORE.table(kind.table):
            _refusable(kind.delete, {kind.name_field: name})

    return {"create": create, "update": update, "delete": delete}


def _refusable(operation: Callable[[JsonObject], object], request: JsonObject) -> None:
    try:
        operation(request)
    except ServiceError as error:
        raise ValueError(
            f'Resource handler returned message: "{error.message} (Service: SageMaker, Status '
            f'Code: {error.status})" (HandlerErrorCode: InvalidRequest)'
        ) from None


def _described(kind: ResourceType, name: str) -> Created:
    record = STORE.table(kind.table)[name]
    attributes = {key: record[key] for key in kind.attributes}
    return (record[kind.arn_field] if kind.ref_is_arn else name), attributes


def _name_of(kind: ResourceType, physical_id: str) -> str:
    """The name behind a physical id, which is an ARN (in lower case) or the name itself."""
    for name, record in STORE.table(kind.table).items():
        if physical_id in (name, record[kind.arn_field]):
            return name
    return physical_id.rsplit("/", 1)[-1]


def _typed(value: Any) -> Any:
    """Template values in the API's types: parameters and substitutions arrive as strings."""
    if isinstance(value, dict):
        return {key: _number(key, _typed(item)) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return value


_NUMBERS = ("Count", "Weight", "InSeconds", "InMB", "Concurrency", "SizeInGB")


def _number(key: str, value: Any) -> Any:
    if isinstance(value, str) and (key.endswith(_NUMBERS) or key == "Value"):
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            return value
    return value


def _target_handlers() -> dict[str, Callable[..., Any]]:
    """A scalable target: its id begins with its resource id."""

    def create(_logical_id: str, properties: JsonObject, _stack_name: str) -> Created:
        if properties["ResourceId"] in endpoints.scalable_targets():
            raise ValueError(
                f'Resource handler returned message: "{properties["ResourceId"]} already exists" '
                "(HandlerErrorCode: AlreadyExists)"
            )
        return update("", {}, properties, _stack_name)

    def update(_id: str, _old: JsonObject, new: JsonObject, _stack_name: str) -> Created:
        _refusable(scaling.register_target, new)
        return f"{new['ResourceId']}|{scaling.DIMENSION}|{scaling.NAMESPACE}", {}

    def delete(physical_id: str, _properties: JsonObject) -> None:
        resource_id = scaling.resource_id_of(physical_id)
        if resource_id in endpoints.scalable_targets():
            scaling.deregister_target(resource_id)

    return {"create": create, "update": update, "delete": delete}


def _policy_handlers() -> dict[str, Callable[..., Any]]:
    def create(_logical_id: str, properties: JsonObject, _stack_name: str) -> Created:
        return update("", {}, properties, _stack_name)

    def update(_id: str, _old: JsonObject, new: JsonObject, _stack_name: str) -> Created:
        _refusable(scaling.put_policy, new)
        target = scaling.resource_id_of(new["ScalingTargetId"])
        arn = STORE.arn("scalingPolicy", f"resource/sagemaker/{target}:policyName/")
        return arn.replace(":sagemaker:", ":autoscaling:") + new["PolicyName"], {}

    def delete(_physical_id: str, properties: JsonObject) -> None:
        target = scaling.resource_id_of(properties["ScalingTargetId"])
        if target in endpoints.scalable_targets():
            _refusable(scaling.delete_policy, properties)

    return {"create": create, "update": update, "delete": delete}


def register() -> None:
    """Put the types of SageMaker, and those that scale it, into CloudFormation's tables."""
    for resource_type, kind in RESOURCE_TYPES.items():
        provisioners._RESOURCE_HANDLERS[resource_type] = _handlers(kind)
        provisioners._REPLACING_PROPERTIES[resource_type] = kind.replacing
        provisioners._CUSTOM_NAME_REPLACEMENT[resource_type] = {"name": kind.name_field}
    target, policy = SCALING_TYPES
    provisioners._RESOURCE_HANDLERS[target] = _target_handlers()
    provisioners._REPLACING_PROPERTIES[target] = (
        "ResourceId", "ScalableDimension", "ServiceNamespace",
    )  # fmt: skip
    provisioners._RESOURCE_HANDLERS[policy] = _policy_handlers()
    provisioners._REPLACING_PROPERTIES[policy] = ("PolicyName", "ScalingTargetId")
    group = "AWS::SageMaker::ModelPackageGroup"  # the one that stages keep, and take back
    provisioners._RESOURCE_HANDLERS[group]["import"] = _import_group
    changesets._IMPORT_LOOKUPS[group] = (("ModelPackageGroupArn",), _import_problem)
    endpoint = "AWS::SageMaker::Endpoint"
    waits, reverts = stacks._runs_on_worker_thread, stacks._sends_back_failed_update
    stacks._runs_on_worker_thread = lambda kind: kind == endpoint or waits(kind)
    # AWS sends a failed endpoint update back too.
    stacks._sends_back_failed_update = lambda kind: kind == endpoint or reverts(kind)
