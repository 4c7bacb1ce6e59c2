"""CloudTrail trails from templates.

Gap: MiniStack has the service and no AWS::CloudTrail::Trail. What a trail writes: `audit.py`.
Delete when MiniStack provisions trails.
"""

import json
from typing import Any

from ministack.services import cloudtrail
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]


def install() -> None:
    """Register the type."""
    provisioners._RESOURCE_HANDLERS["AWS::CloudTrail::Trail"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
    provisioners._REPLACING_PROPERTIES["AWS::CloudTrail::Trail"] = ("TrailName",)


def _create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    name = properties.get("TrailName") or provisioners._physical_name(
        stack, logical_id, max_len=128
    )
    _require(cloudtrail._create_trail(_request(name, properties)))
    return _configure(name, properties)


def _update(
    name: str, _old: Properties, properties: Properties, _stack: str
) -> tuple[str, Properties]:
    _require(cloudtrail._update_trail(_request(name, properties)))
    return _configure(name, properties)


def _delete(name: str, _properties: Properties) -> None:
    cloudtrail._delete_trail({"Name": name})


def _request(name: str, properties: Properties) -> Properties:
    return {**properties, "Name": name, "KmsKeyId": properties.get("KMSKeyId", "")}


def _configure(name: str, properties: Properties) -> tuple[str, Properties]:
    if properties.get("EventSelectors"):
        selectors = {"TrailName": name, "EventSelectors": properties["EventSelectors"]}
        _require(cloudtrail._put_event_selectors(selectors))
    switch = cloudtrail._start_logging if _is_on(properties) else cloudtrail._stop_logging
    _require(switch({"Name": name}))
    return name, {"Arn": cloudtrail._trail_arn(name)}


def _is_on(properties: Properties) -> bool:
    return str(properties.get("IsLogging")).lower() == "true"


def _require(answer: tuple[int, Any, bytes]) -> None:
    """Turn a refusal into the stack event's reason."""
    if answer[0] != 200:
        raise ValueError(json.loads(answer[2]).get("message", "the trail was refused"))
