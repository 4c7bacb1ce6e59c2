"""A machine as a picture: from its definition to a Mermaid flow chart."""

from __future__ import annotations

from collections.abc import Iterator

from infra.machines.states import State

SHAPES = {
    "Task": '["{}"]',
    "Map": '[["{}"]]',
    "Choice": '{"{}"}',
    "Wait": '[/"{}"/]',
    "Pass": '("{}")',
}
END = '(["{}"])'
OPERATORS = {
    "BooleanEquals": "is",
    "StringEquals": "is",
    "StringMatches": "matches",
    "IsPresent": "is present:",
}


def mermaid(definition: State) -> str:
    """The flow chart of a machine: what it does first on top, errors as dotted lines."""
    lines = ["flowchart TD", f'    begin(("start")) --> {definition["StartAt"]}']
    for name, state in definition["States"].items():
        shape = END if is_end(state) else SHAPES[state["Type"]]
        lines.append(f"    {name}{shape.replace('{}', _label(name, state))}")
        lines += [f"    {name} {arrow} {target}" for target, arrow in _arrows(state)]
    return "\n".join(lines) + "\n"


def is_end(state: State) -> bool:
    """Whether the machine ends in this state."""
    return state["Type"] in ("Succeed", "Fail") or state.get("End") is True


def ways(state: State) -> Iterator[tuple[str, str, bool]]:
    """Where a state leads: the next state, under which condition, whether by an error."""
    for choice in state.get("Choices", []):
        yield choice["Next"], _condition(choice), False
    if "Default" in state:
        yield state["Default"], "else", False
    if "Next" in state:
        yield state["Next"], "", False
    for catch in state.get("Catch", []):
        yield catch["Next"], "error", True


def _arrows(state: State) -> Iterator[tuple[str, str]]:
    """Each next state once, with the arrow to it."""
    labels: dict[tuple[str, bool], list[str]] = {}
    for target, condition, is_error in ways(state):
        labels.setdefault((target, is_error), []).append(condition)
    for (target, is_error), conditions in labels.items():
        label = " or ".join(filter(None, conditions))
        arrow = "-.->" if is_error else "-->"
        yield target, f'{arrow}|"{label}"|' if label else arrow


def _condition(choice: State) -> str:
    variable = choice["Variable"].removeprefix("$.")
    operator = next(name for name in OPERATORS if name in choice)
    value = choice[operator]
    shown = str(value).lower() if isinstance(value, bool) else value or "empty"
    return f"{variable} {OPERATORS[operator]} {shown}".replace('"', "#quot;")


def _label(name: str, state: State) -> str:
    """The state's name, and that of what a map does with each item."""
    inner = state.get("ItemProcessor", {}).get("States", {})
    return f"{name}: each {', '.join(inner)}" if inner else name
