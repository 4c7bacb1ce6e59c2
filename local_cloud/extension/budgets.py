"""Budgets from templates.

Gap: MiniStack has the service and no AWS::Budgets::Budget.
Delete when it provisions budgets. Nothing is spent here, so none ever notifies.
"""

import json
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import budgets
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
KIND = "AWS::Budgets::Budget"


def install() -> None:
    """Register the type."""
    provisioners._RESOURCE_HANDLERS[KIND] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def _create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    budget = dict(properties["Budget"])
    budget.setdefault("BudgetName", provisioners._physical_name(stack, logical_id, max_len=100))
    limit = budget.get("BudgetLimit")
    if limit:  # a number in templates, a text in the API
        budget["BudgetLimit"] = {**limit, "Amount": str(limit["Amount"])}
    notifications = [_numbered(one) for one in properties.get("NotificationsWithSubscribers", [])]
    request = {
        "AccountId": get_account_id(),
        "Budget": budget,
        "NotificationsWithSubscribers": notifications,
    }
    status, _, answer = budgets._create_budget(request)
    if status != 200:
        raise ValueError(json.loads(answer).get("message", "the budget was refused"))
    return budget["BudgetName"], {}


def _numbered(one: Properties) -> Properties:
    notification = one["Notification"]
    return {**one, "Notification": {**notification, "Threshold": float(notification["Threshold"])}}


def _update(name: str, _old: Properties, new: Properties, stack: str) -> tuple[str, Properties]:
    _delete(name, _old)
    return _create(name, new, stack)


def _delete(name: str, _properties: Properties) -> None:
    budgets._delete_budget({"AccountId": get_account_id(), "BudgetName": name})
