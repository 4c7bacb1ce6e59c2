"""Executions that a template reserves for a function.

Gap: MiniStack takes `ReservedConcurrentExecutions` from PutFunctionConcurrency alone, and reserves
more than the account has. AWS leaves a hundred for functions without a share of their own.
Delete when a stack reserves them.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

KIND, WANTED = "AWS::Lambda::Function", "ReservedConcurrentExecutions"
KEPT_FREE = 100


def install() -> None:
    """Reserve what a template says, at each creation and each update."""
    handlers = provisioners._RESOURCE_HANDLERS[KIND]
    create: Callable[..., Any] = handlers["create"]
    update: Callable[..., Any] = handlers["update"]

    def created(logical_id: str, properties: dict[str, Any], *more: Any) -> Any:
        _check("", properties)
        made = create(logical_id, properties, *more)
        _reserve(made[0], properties)
        return made

    def updated(name: str, old: dict[str, Any], properties: dict[str, Any], *more: Any) -> Any:
        _check(name, properties)
        made = update(name, old, properties, *more)
        _reserve(made[0], properties)
        return made

    handlers["create"], handlers["update"] = created, updated


def _check(function: str, properties: dict[str, Any]) -> None:
    """Raise ValueError, with Lambda's own words, where too few executions would be left."""
    wanted = int(properties.get(WANTED) or 0)
    others = (f.get("concurrency") or 0 for n, f in lambda_svc._functions.items() if n != function)
    left = lambda_svc._ACCOUNT_CONCURRENCY_CAP - sum(others) - wanted
    if wanted and left < KEPT_FREE:
        raise ValueError(
            f"Specified ReservedConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{KEPT_FREE}]."
        )


def _reserve(function: str, properties: dict[str, Any]) -> None:
    wanted = properties.get(WANTED)
    lambda_svc._functions[function]["concurrency"] = None if wanted is None else int(wanted)
