"""Application Auto Scaling, as far as variants of endpoints are its targets.

What is registered bounds the instances of its variant and forbids another instance type. Nobody
follows the metric here: instances are counted, not started, and a test sets their number.
"""

from local_cloud.sagemaker.hosting import endpoints
from local_cloud.sagemaker.runtime.errors import invalid
from local_cloud.sagemaker.runtime.store import JsonObject, now

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"


def register_target(request: JsonObject) -> str:
    """RegisterScalableTarget, also of one that is registered already; gives its resource id."""
    named = (request.get("ServiceNamespace"), request.get("ScalableDimension"))
    if named != (NAMESPACE, DIMENSION):
        raise invalid(f"The local cloud scales {DIMENSION} alone, not {named[1]}.")
    resource_id = str(request["ResourceId"])
    low, high = int(request["MinCapacity"]), int(request["MaxCapacity"])
    if not 1 <= low <= high:
        raise invalid(f"MinCapacity {low} is not from 1 to MaxCapacity {high}.")
    endpoint, variant = _parts(resource_id)
    found = endpoints.endpoint(endpoint)
    if found.fleet is None or variant not in found.fleet.counts:
        raise invalid(f"There is no such variant: {resource_id}.")
    old = endpoints.scalable_targets().get(resource_id) or {"CreationTime": now(), "policies": {}}
    endpoints.scalable_targets()[resource_id] = {**old, "MinCapacity": low, "MaxCapacity": high}
    count = found.fleet.counts[variant]
    found.fleet.counts[variant] = min(max(count, low), high)
    return resource_id


def deregister_target(resource_id: str) -> None:
    """DeregisterScalableTarget: its policies go with it."""
    if endpoints.scalable_targets().pop(resource_id, None) is None:
        raise invalid(f"No scalable target found for resource ID: {resource_id}.")


def put_policy(request: JsonObject) -> str:
    """PutScalingPolicy on a registered target; gives the policy's name."""
    name, target = str(request["PolicyName"]), _target(request)
    tracking = request.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = (tracking.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    if request.get("PolicyType") != "TargetTrackingScaling" or metric != METRIC:
        raise invalid(f"The local cloud knows policies that track {METRIC} alone.")
    if float(tracking["TargetValue"]) <= 0:
        raise invalid("TargetValue must be more than 0.")
    target["policies"][name] = tracking
    return name


def delete_policy(request: JsonObject) -> None:
    """DeleteScalingPolicy."""
    if _target(request)["policies"].pop(str(request["PolicyName"]), None) is None:
        raise invalid(f"No scaling policy found: {request['PolicyName']}.")


def resource_id_of(physical_id: str) -> str:
    """The resource id at the beginning of CloudFormation's id of a target."""
    return physical_id.split("|", 1)[0]


def _target(request: JsonObject) -> JsonObject:
    resource_id = resource_id_of(str(request["ScalingTargetId"]))
    found = endpoints.scalable_targets().get(resource_id)
    if found is None:
        raise invalid(f"No scalable target registered for resource ID: {resource_id}.")
    return found


def _parts(resource_id: str) -> tuple[str, str]:
    """The endpoint and the variant of `endpoint/NAME/variant/NAME`."""
    match resource_id.split("/"):
        case ["endpoint", endpoint, "variant", variant]:
            return endpoint, variant
    raise invalid(f"{resource_id} is no variant of an endpoint.")
