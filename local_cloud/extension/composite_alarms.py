"""Composite alarms from templates.

Gap: MiniStack has the operation and no AWS::CloudWatch::CompositeAlarm.
Delete when MiniStack provisions them.
"""

from typing import Any

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
KIND = "AWS::CloudWatch::CompositeAlarm"
TAKEN = {
    *("AlarmName", "AlarmRule", "AlarmDescription"),
    *("ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions"),
}


def install() -> None:
    """Register the type."""
    provisioners._RESOURCE_HANDLERS[KIND] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
    provisioners._REPLACING_PROPERTIES[KIND] = ("AlarmName",)


def _create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    name = properties.get("AlarmName") or provisioners._physical_name(
        stack, logical_id, max_len=255
    )
    return _put(name, properties)


def _update(
    name: str, _old: Properties, properties: Properties, _stack: str
) -> tuple[str, Properties]:
    return _put(name, properties)


def _delete(name: str, _properties: Properties) -> None:
    cloudwatch._composite_alarms.pop(name, None)


def _put(name: str, properties: Properties) -> tuple[str, Properties]:
    request = {key: value for key, value in properties.items() if key in TAKEN}
    request["ActionsEnabled"] = str(properties.get("ActionsEnabled", True)).lower() != "false"
    status, _, body = cloudwatch._put_composite_alarm({}, {**request, "AlarmName": name}, True)
    if status != 200:
        raise ValueError(f"the composite alarm was refused: {body!r}")
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}
