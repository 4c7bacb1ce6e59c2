"""Models and endpoint configurations: immutable records that endpoints are made from."""

from typing import Any

from local_cloud.sagemaker.registry import packages
from local_cloud.sagemaker.runtime import images, roles, tags
from local_cloud.sagemaker.runtime.errors import invalid
from local_cloud.sagemaker.runtime.store import STORE, JsonObject, newest_first, now, page, pick

_MODEL_FIELDS = (
    "ModelName", "PrimaryContainer", "Containers", "InferenceExecutionConfig", "ExecutionRoleArn",
    "VpcConfig", "EnableNetworkIsolation",
)  # fmt: skip
_CONFIG_FIELDS = (
    "EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "KmsKeyId",
    "AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants", "ExecutionRoleArn",
    "VpcConfig", "EnableNetworkIsolation",
)  # fmt: skip


def create_model(request: JsonObject) -> JsonObject:
    """CreateModel: its packages must exist and be approved, its role must trust SageMaker."""
    name = request["ModelName"]
    arn = STORE.arn("model", name)
    table = STORE.table("model")
    if name in table:
        raise invalid(f'Cannot create already existing model "{arn}".')
    for container in containers(request):
        _check_container(container)
    if request.get("ExecutionRoleArn"):
        roles.check_trust(request["ExecutionRoleArn"])
    table[name] = {**pick(request, *_MODEL_FIELDS), "ModelArn": arn, "CreationTime": now()}
    tags.put(arn, request.get("Tags", []))
    return {"ModelArn": arn}


def containers(model: JsonObject) -> list[JsonObject]:
    """The containers of a model, however it was written."""
    found = model.get("Containers") or [model.get("PrimaryContainer")]
    return [container for container in found if container]


def _check_container(container: JsonObject) -> None:
    name = container.get("ModelPackageName")
    if not name:
        if not container.get("Image"):
            raise invalid("A container needs an Image or a ModelPackageName.")
        _check_image(container["Image"])
        return
    package = packages.package(name)
    status = package["ModelApprovalStatus"]
    if status != "Approved":
        raise invalid(
            f"Cannot create a model from model package {name}: its approval status is {status}."
        )
    for found in package.get("InferenceSpecification", {}).get("Containers", []):
        _check_image(found["Image"])


def _check_image(image: str) -> None:
    if problem := images.problem(image):
        raise invalid(problem)


def model(name: str) -> JsonObject:
    """A model by name; refuses one that nobody has."""
    return _one("model", name)


def config(name: str) -> JsonObject:
    """An endpoint configuration by name; refuses one that nobody has."""
    return _one("endpoint-config", name, noun="endpoint configuration")


def _one(kind: str, name: str, *, noun: str = "") -> JsonObject:
    found = STORE.table(kind).get(name)
    if found is None:
        raise invalid(f'Could not find {noun or kind} "{STORE.arn(kind, name)}".')
    return found


def describe_model(request: JsonObject) -> JsonObject:
    """DescribeModel."""
    return model(request["ModelName"])


def delete_model(request: JsonObject) -> JsonObject:
    """DeleteModel."""
    tags.drop(model(request["ModelName"])["ModelArn"])
    del STORE.table("model")[request["ModelName"]]
    return {}


def list_models(request: JsonObject) -> JsonObject:
    """ListModels."""
    found = _listing("model", request, "ModelName", "ModelArn", "CreationTime")
    return page(found, request, key="Models")


def create_config(request: JsonObject) -> JsonObject:
    """CreateEndpointConfig: its models must exist."""
    name = request["EndpointConfigName"]
    arn = STORE.arn("endpoint-config", name)
    table = STORE.table("endpoint-config")
    if name in table:
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    variants = request.get("ProductionVariants") or []
    if not variants:
        raise invalid("An endpoint configuration needs at least one production variant.")
    for variant in variants:
        _check_variant(variant)
    table[name] = {**pick(request, *_CONFIG_FIELDS), "EndpointConfigArn": arn}
    table[name]["CreationTime"] = now()
    tags.put(arn, request.get("Tags", []))
    return {"EndpointConfigArn": arn}


def _check_variant(variant: JsonObject) -> None:
    model(variant.get("ModelName", ""))
    serverless = variant.get("ServerlessConfig")
    if serverless and variant.get("InstanceType"):
        raise invalid("A variant has either InstanceType or ServerlessConfig, not both.")
    if not serverless and not variant.get("InstanceType"):
        raise invalid("A variant needs InstanceType or ServerlessConfig.")
    if serverless:
        memory = int(serverless.get("MemorySizeInMB", 0))
        if memory not in range(1024, 6145, 1024):
            raise invalid(f"MemorySizeInMB must be 1024 to 6144 in steps of 1024, not {memory}.")


def describe_config(request: JsonObject) -> JsonObject:
    """DescribeEndpointConfig."""
    return config(request["EndpointConfigName"])


def delete_config(request: JsonObject) -> JsonObject:
    """DeleteEndpointConfig: never asks whether an endpoint still uses it, as on AWS."""
    tags.drop(config(request["EndpointConfigName"])["EndpointConfigArn"])
    del STORE.table("endpoint-config")[request["EndpointConfigName"]]
    return {}


def list_configs(request: JsonObject) -> JsonObject:
    """ListEndpointConfigs."""
    found = _listing(
        "endpoint-config", request, "EndpointConfigName", "EndpointConfigArn", "CreationTime"
    )
    return page(found, request, key="EndpointConfigs")


def _listing(kind: str, request: JsonObject, *fields: str) -> list[dict[str, Any]]:
    wanted = request.get("NameContains", "")
    named = [record for name, record in STORE.table(kind).items() if wanted in name]
    return [pick(r, *fields) for r in newest_first(named, request, time_field="CreationTime")]


OPERATIONS = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "DeleteModel": delete_model,
    "ListModels": list_models,
    "CreateEndpointConfig": create_config,
    "DescribeEndpointConfig": describe_config,
    "DeleteEndpointConfig": delete_config,
    "ListEndpointConfigs": list_configs,
}
