"""The conditions of a Condition step. Pure: values come in already resolved."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Resolve = Callable[[Any], Any]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


class ConditionError(ValueError):
    """A condition that the service does not know, or that compares what cannot be compared."""


def all_hold(conditions: Sequence[Mapping[str, Any]], resolve: Resolve) -> bool:
    """Whether every condition of the step holds."""
    return all(holds(condition, resolve) for condition in conditions)


def holds(condition: Mapping[str, Any], resolve: Resolve) -> bool:
    """Evaluate one condition; `resolve` turns an expression into its value."""
    kind = condition.get("Type", "")
    if kind in _COMPARISONS:
        left, right = resolve(condition["LeftValue"]), resolve(condition["RightValue"])
        return _compare(kind, left, right)
    if kind == "In":
        query = resolve(condition["QueryValue"])
        return any(_compare("Equals", query, resolve(value)) for value in condition["Values"])
    if kind == "Not":
        return not holds(condition["Expression"], resolve)
    if kind == "And":
        return all_hold(condition["Conditions"], resolve)
    if kind == "Or":
        return any(holds(inner, resolve) for inner in condition["Conditions"])
    raise ConditionError(f"{kind!r} is not a type of condition")


def _compare(kind: str, left: Any, right: Any) -> bool:
    kinds = {_kind_of(left), _kind_of(right)}
    if len(kinds) > 1:
        raise ConditionError(f"{kind} cannot compare {_kind_of(left)} with {_kind_of(right)}")
    if kind != "Equals" and kinds != {"a number"}:
        raise ConditionError(f"{kind} compares numbers, not {_kind_of(left)}")
    return bool(_COMPARISONS[kind](left, right))


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "nothing" if value is None else f"a {type(value).__name__}"
