"""The model registry: groups, their numbered packages, approval, and the event of each change."""

import unicodedata
from typing import Any

from local_cloud.sagemaker.registry import cards
from local_cloud.sagemaker.runtime import emulator, tags
from local_cloud.sagemaker.runtime.errors import conflict, invalid
from local_cloud.sagemaker.runtime.store import STORE, JsonObject, newest_first, now, page, pick

STATUSES = ("Approved", "Rejected", "PendingManualApproval")
MAX_PROPERTIES = 50
MAX_PROPERTY_LENGTH = 256
EVENT = "SageMaker Model Package State Change"

_CREATABLE = (
    "ModelPackageGroupName", "ModelPackageDescription", "InferenceSpecification",
    "ValidationSpecification", "SourceAlgorithmSpecification", "MetadataProperties",
    "ModelMetrics", "DriftCheckBaselines", "CustomerMetadataProperties", "Domain", "Task",
    "SamplePayloadUrl", "AdditionalInferenceSpecifications", "SkipModelValidation", "SourceUri",
    "SecurityConfig", "ModelCard", "ModelLifeCycle",
)  # fmt: skip
_UPDATABLE = (
    "ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties",
    "AdditionalInferenceSpecificationsToAdd", "InferenceSpecification", "SourceUri", "ModelCard",
    "ModelLifeCycle",
)  # fmt: skip
_SUMMARY = (
    "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription",
    "CreationTime", "ModelPackageStatus", "ModelApprovalStatus",
)  # fmt: skip


def create_group(request: JsonObject) -> JsonObject:
    """CreateModelPackageGroup."""
    name = request["ModelPackageGroupName"]
    arn = STORE.arn("model-package-group", name)
    table = STORE.table("model-package-group")
    if name in table:
        raise invalid(f"Model Package Group already exists: {arn}")
    table[name] = {
        **pick(request, "ModelPackageGroupName", "ModelPackageGroupDescription"),
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupStatus": "Completed",
        "CreatedBy": {},
        "CreationTime": now(),
    }
    tags.put(arn, request.get("Tags", []))
    return {"ModelPackageGroupArn": arn}


def group(name: str) -> JsonObject:
    """A group by its name or ARN; refuses a name that nobody has."""
    short = name.rsplit("/", 1)[-1]
    for known, record in STORE.table("model-package-group").items():
        if known.lower() == short.lower():
            return record
    raise invalid(f"ModelPackageGroup {name} does not exist.")


def describe_group(request: JsonObject) -> JsonObject:
    """DescribeModelPackageGroup."""
    return group(request["ModelPackageGroupName"])


def delete_group(request: JsonObject) -> JsonObject:
    """DeleteModelPackageGroup: refused while it holds a package, as on AWS."""
    record = group(request["ModelPackageGroupName"])
    name = record["ModelPackageGroupName"]
    if _versions(name):
        raise conflict(
            f"Cannot delete model package group {record['ModelPackageGroupArn']}: "
            "it still contains model packages."
        )
    del STORE.table("model-package-group")[name]
    STORE.table("model-package-version").pop(name, None)
    tags.drop(record["ModelPackageGroupArn"])
    return {}


def list_groups(request: JsonObject) -> JsonObject:
    """ListModelPackageGroups."""
    wanted = request.get("NameContains", "")
    groups = [
        record
        for name, record in STORE.table("model-package-group").items()
        if wanted.lower() in name.lower()
    ]
    ordered = newest_first(groups, request, time_field="CreationTime")
    return page(ordered, request, key="ModelPackageGroupSummaryList")


def create_package(request: JsonObject) -> JsonObject:
    """CreateModelPackage: the next version of its group, and the event."""
    record = group(request.get("ModelPackageGroupName", ""))
    name = record["ModelPackageGroupName"]
    _check_properties(request.get("CustomerMetadataProperties", {}))
    card = cards.updated({}, request["ModelCard"]) if "ModelCard" in request else {}
    with STORE.lock:
        token, asked = request.get("ClientToken", ""), STORE.table("model-package-token")
        if (known := asked.get(token, {}).get("arn")) in STORE.table("model-package"):
            return {"ModelPackageArn": known}  # asked twice: made once
        counter = STORE.table("model-package-version").setdefault(name, {"last": 0})
        version = counter["last"] = counter["last"] + 1
        arn = STORE.arn("model-package", f"{name}/{version}")
        package = {
            **pick(request, *_CREATABLE),
            "ModelPackageGroupName": name,
            "ModelPackageArn": arn,
            "ModelPackageVersion": version,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "ModelApprovalStatus": _status(request, "PendingManualApproval"),
            "CreationTime": now(),
            **({"ModelCard": card} if card else {}),
        }
        STORE.table("model-package")[arn] = package
        if token:
            asked[token] = {"arn": arn}
    tags.put(arn, request.get("Tags", []))
    _notify(package)
    return {"ModelPackageArn": arn}


def package(name: str) -> JsonObject:
    """A package by ARN; refuses one that nobody has."""
    found = STORE.table("model-package").get(name)
    if found is None:
        raise invalid(f"ModelPackage {name} does not exist.")
    return found


def describe_package(request: JsonObject) -> JsonObject:
    """DescribeModelPackage."""
    record = package(request["ModelPackageName"])
    return {"ModelPackageName": record["ModelPackageArn"], **record}


def update_package(request: JsonObject) -> JsonObject:
    """UpdateModelPackage; the event names the fields that really changed."""
    record = package(request["ModelPackageArn"])
    changes = pick(request, *_UPDATABLE)
    if "ModelApprovalStatus" in changes:
        _status(changes, "")
    if "ModelCard" in changes:
        changes["ModelCard"] = cards.updated(record.get("ModelCard", {}), changes["ModelCard"])
    properties = {
        **record.get("CustomerMetadataProperties", {}),
        **changes.get("CustomerMetadataProperties", {}),
    }
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(key, None)
    _check_properties(properties)
    if properties:
        changes["CustomerMetadataProperties"] = properties
    changed = sorted(key for key, value in changes.items() if record.get(key) != value)
    record.update(changes, LastModifiedTime=now())
    _notify(record, UpdatedModelPackageFields=changed)
    return {"ModelPackageArn": record["ModelPackageArn"]}


def delete_package(request: JsonObject) -> JsonObject:
    """DeleteModelPackage."""
    record = package(request["ModelPackageName"])
    del STORE.table("model-package")[record["ModelPackageArn"]]
    tags.drop(record["ModelPackageArn"])
    return {}


def list_packages(request: JsonObject) -> JsonObject:
    """ListModelPackages, of one group or of all."""
    wanted = request.get("ModelPackageGroupName")
    packages = _versions(group(wanted)["ModelPackageGroupName"] if wanted else None)
    status = request.get("ModelApprovalStatus")
    summaries = [
        pick(record, *_SUMMARY)
        for record in newest_first(packages, request, time_field="ModelPackageVersion")
        if status in (None, record["ModelApprovalStatus"])
    ]
    return page(summaries, request, key="ModelPackageSummaryList")


def _versions(group_name: str | None) -> list[JsonObject]:
    return [
        record
        for record in STORE.table("model-package").values()
        if group_name in (None, record["ModelPackageGroupName"])
    ]


def _status(request: JsonObject, default: str) -> str:
    status = request.get("ModelApprovalStatus", default)
    if status not in STATUSES:
        raise invalid(
            f"Value '{status}' at 'modelApprovalStatus' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(STATUSES)}]"
        )
    return str(status)


def _check_properties(properties: dict[str, Any]) -> None:
    """Refuse metadata beyond the service's limits: 50 entries, 256 characters, no punctuation."""
    if len(properties) > MAX_PROPERTIES:
        raise invalid(
            "Value at 'customerMetadataProperties' failed to satisfy constraint: Map must have "
            f"{MAX_PROPERTIES} or fewer entries, not {len(properties)}"
        )
    for key, value in properties.items():
        if not 1 <= len(key) <= 128 or not 1 <= len(str(value)) <= MAX_PROPERTY_LENGTH:
            raise invalid(
                f"Value at 'customerMetadataProperties' failed to satisfy constraint: {key!r} must "
                f"have 1 to 128 characters and its value 1 to {MAX_PROPERTY_LENGTH}"
            )
        refused = sorted({c for c in f"{key}{value}" if not _is_allowed(c)})
        if refused:
            raise invalid(
                f"Value at 'customerMetadataProperties' failed to satisfy constraint: {key!r} must "
                f"match [\\p{{L}}\\p{{Z}}\\p{{N}}_.:/=+\\-@]*, and has {' '.join(refused)}"
            )


def _is_allowed(character: str) -> bool:
    return character in "_.:/=+-@" or unicodedata.category(character)[0] in "LZN"


def _notify(record: JsonObject, **extra: Any) -> None:
    detail = {key: value for key, value in record.items() if key != "ModelCard"}
    if record.get("ModelCard"):
        detail["ModelCard"] = pick(record["ModelCard"], "ModelCardStatus")
    emulator.put_event(EVENT, record["ModelPackageArn"], {**detail, **extra})


OPERATIONS = {
    "CreateModelPackageGroup": create_group,
    "DescribeModelPackageGroup": describe_group,
    "DeleteModelPackageGroup": delete_group,
    "ListModelPackageGroups": list_groups,
    "CreateModelPackage": create_package,
    "DescribeModelPackage": describe_package,
    "UpdateModelPackage": update_package,
    "DeleteModelPackage": delete_package,
    "ListModelPackages": list_packages,
}
