"""An alarm's state by CloudWatch's rules: periods, missing data, metric math. Knows no clock.

Sources: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data" and "Using
math expressions". Differences that stay: periods end now, not on the minute; only where no data is
bad are periods farther back looked at, which CloudWatch does always; of metric math, what stands
in `_FUNCTIONS` and `_OPERATORS`.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ministack.services import cloudwatch

FARTHER_BACK = 2  # periods beyond those that are judged; CloudWatch does not say how many
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
AlarmRecord = Mapping[str, Any]
Points = Sequence[dict[str, Any]]
Read = Callable[[Mapping[str, Any]], Points]  # the points of a metric by its name and dimensions
Value = float | None  # None: no data


class UnknownMathError(ValueError):
    """An expression has what is not computed here; a silent pass would prove nothing."""


def state(alarm: AlarmRecord, read: Read, *, since: float, now: float) -> str:
    """The state that the last periods give, by the alarm's rule for missing data.

    since: when the alarm began to exist, seconds; periods that begin before it and hold nothing
    do not count as missing. Raises UnknownMathError.
    """
    period = _period(alarm)
    wanted = int(alarm.get("EvaluationPeriods") or 1)
    needed = int(alarm.get("DatapointsToAlarm") or wanted)
    rule = alarm.get("TreatMissingData") or "missing"
    back = wanted + (FARTHER_BACK if rule == "breaching" else 0)
    starts = [now - (i + 1) * period for i in range(back)]
    values = [_value(alarm, read, start, start + period) for start in starts]
    for i, start in enumerate(starts):
        if start < since and not _holds_data(alarm, read, start, start + period):
            values[i] = None
    known = [_breaches(alarm, value) for value in values if value is not None]
    if rule == "breaching":
        verdicts: list[bool | None] = [*known[:wanted]]
        if starts[-1] >= since:
            verdicts += [True] * (wanted - len(verdicts))
    else:
        missing = {"notBreaching": False}.get(rule)
        verdicts = [
            missing if value is None else _breaches(alarm, value)
            for value, start in zip(values, starts, strict=True)
            if value is not None or start >= since
        ]
    if not verdicts:
        return "OK" if rule == "notBreaching" else "INSUFFICIENT_DATA"
    if sum(verdict is True for verdict in verdicts) >= needed:
        return "ALARM"
    if all(verdict is None for verdict in verdicts):
        kept = str(alarm.get("StateValue", "INSUFFICIENT_DATA"))
        return kept if rule == "ignore" else "INSUFFICIENT_DATA"
    return "OK"


def _period(alarm: AlarmRecord) -> float:
    stats = [query["MetricStat"] for query in alarm.get("Metrics") or [] if "MetricStat" in query]
    return float(alarm.get("Period") or max((stat["Period"] for stat in stats), default=60))


def _breaches(alarm: AlarmRecord, value: float) -> bool:
    return COMPARE[alarm["ComparisonOperator"]](value, float(alarm["Threshold"]))


def _holds_data(alarm: AlarmRecord, read: Read, start: float, end: float) -> bool:
    """Whether any metric of an alarm has a point in one period: FILL answers for none, too."""
    stats = [q["MetricStat"]["Metric"] for q in alarm.get("Metrics") or [] if "MetricStat" in q]
    points = (point for metric in stats or [alarm] for point in read(metric))
    return any(start <= point["Timestamp"] < end for point in points)


def _value(alarm: AlarmRecord, read: Read, start: float, end: float) -> Value:
    """What one period holds."""
    if not alarm.get("Metrics"):
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
        return _statistic(read(alarm), statistic, start, end)
    queries = {query["Id"]: query for query in alarm["Metrics"]}
    [judged] = [q for q in queries.values() if str(q.get("ReturnData", True)).lower() == "true"]

    def of(id: str) -> Value:
        query = queries[id]
        if "MetricStat" in query:
            stat = query["MetricStat"]
            return _statistic(read(stat["Metric"]), stat["Stat"], start, end)
        return _compute(_parse(query["Expression"]), of)

    return of(judged["Id"])


def _statistic(points: Points, statistic: str, start: float, end: float) -> Value:
    inside = [point for point in points if start <= point["Timestamp"] < end]
    if not inside:
        return None
    value = cloudwatch._stat_value(cloudwatch._calc_stats(inside), statistic, inside)
    return None if value is None else float(value)


def _parse(expression: str) -> ast.expr:
    """Metric math is written like Python, but for these two words."""
    words = expression.replace(" AND ", " and ").replace(" OR ", " or ")
    return ast.parse(words, mode="eval").body


def _compute(node: ast.expr, of: Callable[[str], Value]) -> Value:
    """The value of an expression for one period; what has no data makes none, but for FILL."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        return of(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = _FUNCTIONS.get(node.func.id)
        if function:
            return function([_compute(argument, of) for argument in node.args])
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _apply(type(node.op), _compute(node.left, of), _compute(node.right, of))
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS:
        return _apply(type(node.ops[0]), _compute(node.left, of), _compute(node.comparators[0], of))
    raise UnknownMathError(f"metric math with {ast.unparse(node)} is not computed here")


def _apply(kind: type, left: Value, right: Value) -> Value:
    if left is None or right is None or (kind is ast.Div and right == 0):
        return None
    return float(_OPERATORS[kind](left, right))


def _if(values: list[Value]) -> Value:
    condition, then, other = values
    return None if condition is None else then if condition else other


def _fill(values: list[Value]) -> Value:
    value, instead = values
    return instead if value is None else value


_FUNCTIONS: dict[str, Callable[[list[Value]], Value]] = {"IF": _if, "FILL": _fill}
_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
}
