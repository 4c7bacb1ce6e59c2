"""Endpoints: the operations. `rollouts` starts, shifts and rolls back what they ask for."""

import time
from functools import partial
from typing import Any

from local_cloud.sagemaker.hosting import models
from local_cloud.sagemaker.hosting.rollouts import LiveEndpoint
from local_cloud.sagemaker.runtime import emulator, tags
from local_cloud.sagemaker.runtime.errors import invalid
from local_cloud.sagemaker.runtime.store import STORE, JsonObject, newest_first, now, page, pick

LIVE: dict[str, LiveEndpoint] = {}
IN_PROGRESS = ("Creating", "Updating", "RollingBack", "Deleting")
_GONE_SECONDS = 30.0


def create_endpoint(request: JsonObject) -> JsonObject:
    """CreateEndpoint: answers at once, the fleet comes up behind it."""
    name = request["EndpointName"]
    arn = STORE.arn("endpoint", name)
    table = STORE.table("endpoint")
    if name in table:
        raise invalid(f'Cannot create already existing endpoint "{arn}".')
    config = models.config(request["EndpointConfigName"])
    record = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": config["EndpointConfigName"],
        "CreationTime": now(),
    }
    table[name] = record
    LIVE[arn] = LiveEndpoint(record)
    LIVE[arn].become("Creating")
    tags.put(arn, request.get("Tags", []))
    emulator.in_background(
        f"creation of {name}", partial(LIVE[arn].create, dict(config)), on_error=LIVE[arn].fail
    )
    return {"EndpointArn": arn}


def endpoint(name: str) -> LiveEndpoint:
    """An endpoint by name; refuses one that nobody has."""
    record = STORE.table("endpoint").get(name)
    if record is None:
        raise invalid(f'Could not find endpoint "{STORE.arn("endpoint", name)}".')
    return LIVE[record["EndpointArn"]]


def describe_endpoint(request: JsonObject) -> JsonObject:
    """DescribeEndpoint."""
    found = endpoint(request["EndpointName"])
    variants = {"ProductionVariants": found.fleet.summary()} if found.fleet else {}
    return {**found.record, **variants}


def update_endpoint(request: JsonObject) -> JsonObject:
    """UpdateEndpoint: answers at once, the rollout goes on behind it.

    Without RetainDeploymentConfig the guardrails of the last deployment are dropped, as on AWS.
    """
    found = endpoint(request["EndpointName"])
    record = found.record
    if record["EndpointStatus"] in IN_PROGRESS:
        raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
    config = models.config(request["EndpointConfigName"])
    deployment = request.get("DeploymentConfig")
    if deployment is None and request.get("RetainDeploymentConfig"):
        deployment = record.get("LastDeploymentConfig")
    if deployment:
        _check_guarded(found, config)
    _check_scaled(found, config)
    found.become(
        "Updating", PendingDeploymentSummary={"EndpointConfigName": config["EndpointConfigName"]}
    )
    record.pop("FailureReason", None)
    keeps_counts = request.get("RetainAllVariantProperties") in (True, "true")
    work = partial(found.update, dict(config), deployment, keeps_counts=keeps_counts)
    emulator.in_background(f"rollout of {record['EndpointName']}", work, on_error=found.fail)
    return {"EndpointArn": record["EndpointArn"]}


def _check_guarded(found: LiveEndpoint, config: JsonObject) -> None:
    """Guardrails are for instances, and for variants that keep their names."""
    variants = config["ProductionVariants"]
    if any("ServerlessConfig" in variant for variant in variants):
        raise invalid("DeploymentConfig is not supported for serverless variants.")
    if found.fleet is None:
        return
    before = {variant.name for variant in found.fleet.variants}
    after = {variant["VariantName"] for variant in variants}
    if before != after:
        raise invalid(f"The variants must keep their names: {sorted(before)}, not {sorted(after)}.")


def scalable_targets() -> dict[str, JsonObject]:
    """What Application Auto Scaling has registered, by `endpoint/NAME/variant/NAME`."""
    return STORE.table("scalable-target")


def _check_scaled(found: LiveEndpoint, config: JsonObject) -> None:
    """A variant that is registered keeps its name and its instance type."""
    types = {v["VariantName"]: v.get("InstanceType") for v in config["ProductionVariants"]}
    for variant in found.fleet.variants if found.fleet else []:
        target = f"endpoint/{found.record['EndpointName']}/variant/{variant.name}"
        if target in scalable_targets():
            before, after = variant.settings.get("InstanceType"), types.get(variant.name)
            if before != after:
                raise invalid(
                    f"The variant {variant.name} is configured with a scaling policy: it cannot "
                    f"go from instance type {before} to {after}. Deregister it from automatic "
                    "scaling first."
                )


def update_capacities(request: JsonObject) -> JsonObject:
    """UpdateEndpointWeightsAndCapacities: instances are counted, so it is done at once."""
    found = endpoint(request["EndpointName"])
    if found.record["EndpointStatus"] in IN_PROGRESS or found.fleet is None:
        raise invalid(f'Cannot update in-progress endpoint "{found.record["EndpointArn"]}".')
    for wanted in request["DesiredWeightsAndCapacities"]:
        if wanted["VariantName"] not in found.fleet.counts:
            raise invalid(f"There is no variant {wanted['VariantName']}.")
        found.fleet.counts[wanted["VariantName"]] = int(wanted["DesiredInstanceCount"])
    return {"EndpointArn": found.record["EndpointArn"]}


def delete_endpoint(request: JsonObject) -> JsonObject:
    """DeleteEndpoint: refused while it is being created or updated."""
    found = endpoint(request["EndpointName"])
    if found.record["EndpointStatus"] in IN_PROGRESS:
        raise invalid(f'Cannot update in-progress endpoint "{found.record["EndpointArn"]}".')
    found.become("Deleting")
    work = partial(_remove, found)
    emulator.in_background(
        f"deletion of {request['EndpointName']}", work, on_error=partial(_forget, found)
    )
    return {}


def _remove(found: LiveEndpoint) -> None:
    for variant in found.fleet.variants if found.fleet else []:  # Auto Scaling forgets them itself
        target = f"endpoint/{found.record['EndpointName']}/variant/{variant.name}"
        scalable_targets().pop(target, None)
    found.end()
    _forget(found)


def _forget(found: LiveEndpoint, _reason: str = "") -> None:
    """Drop an endpoint's record, also where a process of it could not be ended."""
    tags.drop(found.record["EndpointArn"])
    STORE.table("endpoint").pop(found.record["EndpointName"], None)
    LIVE.pop(found.record["EndpointArn"], None)


def list_endpoints(request: JsonObject) -> JsonObject:
    """ListEndpoints."""
    wanted, status = request.get("NameContains", ""), request.get("StatusEquals")
    fields = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
    summaries = [
        pick(record, *fields)
        for record in newest_first(
            list(STORE.table("endpoint").values()), request, time_field="CreationTime"
        )
        if wanted in record["EndpointName"] and status in (None, record["EndpointStatus"])
    ]
    return page(summaries, request, key="Endpoints")


def wait_until_settled(name: str) -> dict[str, Any]:
    """The endpoint's record once nothing is in progress any more; blocks."""
    found = endpoint(name)
    while found.record["EndpointStatus"] in IN_PROGRESS and not found.ended.is_set():
        time.sleep(0.1)
    return found.record


def wait_until_gone(name: str) -> None:
    """Return once the endpoint is deleted; blocks."""
    end = time.monotonic() + _GONE_SECONDS
    while name in STORE.table("endpoint") and time.monotonic() < end:
        time.sleep(0.05)


def stop_everything() -> None:
    """End every server: the emulator is being reset or ends."""
    for found in list(LIVE.values()):
        found.end()
    LIVE.clear()


OPERATIONS = {
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_capacities,
    "DeleteEndpoint": delete_endpoint,
    "ListEndpoints": list_endpoints,
}
