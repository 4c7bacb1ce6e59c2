"""A pipeline definition: its shape, its parameters and the order of its steps. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.sagemaker.pipelines.expressions import references

VERSION = "2020-12-01"
MAX_CHARACTERS = 1_048_576
STEP_TYPES = ("Training", "Processing", "Condition", "Fail", "RegisterModel", "Lambda")

PipelineDefinition = dict[str, Any]
StepDefinition = dict[str, Any]

_PARAMETER_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}


class DefinitionError(ValueError):
    """A definition, or values for its parameters, that the service would refuse."""


def parse(text: str) -> PipelineDefinition:
    """Read and check a definition. Raises DefinitionError that names the step or parameter."""
    if len(text) > MAX_CHARACTERS:
        raise DefinitionError(f"The definition has more than {MAX_CHARACTERS} characters")
    try:
        definition = json.loads(text)
    except ValueError as error:
        raise DefinitionError(f"Unable to parse pipeline definition as JSON: {error}") from None
    if not isinstance(definition, dict) or definition.get("Version") != VERSION:
        raise DefinitionError(f"The definition's Version must be {VERSION!r}")
    if not definition.get("Steps"):
        raise DefinitionError("The definition has no Steps")
    _check_steps(definition["Steps"])
    for parameter in definition.get("Parameters", []):
        if "DefaultValue" in parameter:
            _typed(parameter, parameter["DefaultValue"])
    return definition


def all_steps(steps: list[StepDefinition]) -> Iterator[StepDefinition]:
    """Every step, those inside the branches of conditions included."""
    for step in steps:
        yield step
        if step.get("Type") == "Condition":
            yield from all_steps(branch(step, "IfSteps") + branch(step, "ElseSteps"))


def branch(step: StepDefinition, name: str) -> list[StepDefinition]:
    """The steps of one branch of a condition."""
    found: list[StepDefinition] = step.get("Arguments", {}).get(name) or []
    return found


def needs(step: StepDefinition) -> set[str]:
    """Names of the steps that must have succeeded before this one starts."""
    arguments = dict(step.get("Arguments", {}))
    arguments.pop("IfSteps", None)
    arguments.pop("ElseSteps", None)
    named = {name.split(".", 1)[0] for name in step.get("DependsOn", [])}
    return named | set(references(arguments))


def _check_steps(steps: list[StepDefinition]) -> None:
    found = list(all_steps(steps))
    names = [step.get("Name", "") for step in found]
    repeated = {name for name in names if names.count(name) > 1 or not name}
    if repeated:
        raise DefinitionError(f"Step names must be unique and not empty: {sorted(repeated)}")
    graph: dict[str, set[str]] = {}
    _collect(steps, set(), graph)
    for step in found:
        if step.get("Type") not in STEP_TYPES:
            raise DefinitionError(
                f"Step {step['Name']}: type {step.get('Type')!r} does not run on this machine; "
                f"these do: {', '.join(STEP_TYPES)}"
            )
        unknown = graph[step["Name"]] - set(names)
        if unknown:
            raise DefinitionError(f"Step {step['Name']} refers to unknown steps {sorted(unknown)}")
    _check_cycles(graph)


def _collect(steps: list[StepDefinition], inherited: set[str], graph: dict[str, set[str]]) -> None:
    for step in steps:
        graph[step["Name"]] = needs(step) | inherited
        inside = branch(step, "IfSteps") + branch(step, "ElseSteps")
        _collect(inside, {step["Name"]}, graph)


def _check_cycles(graph: Mapping[str, set[str]]) -> None:
    waiting = {name: set(wanted) for name, wanted in graph.items()}
    while waiting:
        ready = [name for name, wanted in waiting.items() if not wanted]
        if not ready:
            raise DefinitionError(f"The steps {sorted(waiting)} wait for each other")
        for name in ready:
            del waiting[name]
        for wanted in waiting.values():
            wanted.difference_update(ready)


def parameter_values(definition: PipelineDefinition, given: list[dict[str, str]]) -> dict[str, Any]:
    """The parameters of one execution: what was given, in its type, else the default.

    Raises DefinitionError for an unknown name, a wrong type, a value outside `EnumValues`,
    or a parameter that has neither value nor default.
    """
    known = {parameter["Name"]: parameter for parameter in definition.get("Parameters", [])}
    unknown = [item["Name"] for item in given if item["Name"] not in known]
    if unknown:
        raise DefinitionError(f"Parameters {unknown} are not defined in the pipeline definition")
    values = {item["Name"]: _typed(known[item["Name"]], item["Value"]) for item in given}
    for name, parameter in known.items():
        if name in values:
            continue
        if "DefaultValue" not in parameter:
            raise DefinitionError(f"Parameter {name} has no default and no value was given")
        values[name] = _typed(parameter, parameter["DefaultValue"])
    return values


def _typed(parameter: Mapping[str, Any], value: Any) -> Any:
    name, kind = parameter["Name"], parameter.get("Type", "String")
    if kind not in _PARAMETER_TYPES:
        raise DefinitionError(f"Parameter {name}: {kind!r} is not a type of parameter")
    converted = _convert(kind, value) if isinstance(value, str) else value
    is_flag = isinstance(converted, bool)
    if not isinstance(converted, _PARAMETER_TYPES[kind]) or is_flag != (kind == "Boolean"):
        raise DefinitionError(f"Parameter {name} is of type {kind}, not {value!r}")
    allowed = parameter.get("EnumValues")
    if allowed and converted not in allowed:
        raise DefinitionError(f"Parameter {name} must be one of {allowed}, not {value!r}")
    return converted


def _convert(kind: str, value: str) -> Any:
    try:
        if kind == "Integer":
            return int(value)
        if kind == "Float":
            return float(value)
    except ValueError:
        return value
    if kind == "Boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
