"""Tags of every kind of resource, by ARN."""

from collections.abc import Sequence

from local_cloud.sagemaker.runtime.errors import invalid
from local_cloud.sagemaker.runtime.store import STORE, JsonObject

MAX_TAGS = 50


def put(arn: str, tags: Sequence[JsonObject]) -> None:
    """Set tags on a resource; a key that is there already takes the new value."""
    table = STORE.table("tags").setdefault(arn, {})
    table.update({tag["Key"]: tag.get("Value", "") for tag in tags})
    if len(table) > MAX_TAGS:
        raise invalid(f"A resource has at most {MAX_TAGS} tags, {arn} would have {len(table)}.")


def drop(arn: str) -> None:
    """Forget a deleted resource's tags."""
    STORE.table("tags").pop(arn, None)


def _listing(arn: str) -> list[JsonObject]:
    return [{"Key": k, "Value": v} for k, v in STORE.table("tags").get(arn, {}).items()]


def add_tags(request: JsonObject) -> JsonObject:
    """AddTags."""
    put(request["ResourceArn"], request.get("Tags", []))
    return {"Tags": _listing(request["ResourceArn"])}


def list_tags(request: JsonObject) -> JsonObject:
    """ListTags."""
    return {"Tags": _listing(request["ResourceArn"])}


def delete_tags(request: JsonObject) -> JsonObject:
    """DeleteTags."""
    table = STORE.table("tags").get(request["ResourceArn"], {})
    for key in request.get("TagKeys", []):
        table.pop(key, None)
    return {}


OPERATIONS = {"AddTags": add_tags, "ListTags": list_tags, "DeleteTags": delete_tags}
