"""The expressions of a pipeline definition: `Get`, `Std:Join` and `Std:JsonGet`.

Pure: what a step left behind is asked through `Values`, so a test hands it dictionaries.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"""\.?([A-Za-z0-9_\-]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_NAME_FIELDS = ("OutputName", "InputName", "ChannelName", "VariantName", "Name")


class ExpressionError(ValueError):
    """An expression that points to nothing, or that the service does not know."""


@dataclass(frozen=True)
class Values:
    """Everything an expression may refer to.

    step: the description that a finished step left (the job's own, for a job).
    property_file: the parsed JSON of one property file of one step.
    object_text: an S3 object as text, for `Std:JsonGet` over an `S3Uri`.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)
    step: Callable[[str], Mapping[str, Any]] = lambda name: {}
    property_file: Callable[[str, str], Any] = lambda step, name: {}
    object_text: Callable[[str], str] = lambda uri: ""


def resolve(value: Any, values: Values) -> Any:
    """Replace every expression inside `value` by what it stands for."""
    if isinstance(value, list):
        return [resolve(item, values) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Get"}:
        return _get(value["Get"], values)
    if set(value) == {"Std:Join"}:
        parts = [resolve(item, values) for item in value["Std:Join"]["Values"]]
        return str(value["Std:Join"].get("On", "")).join(as_text(part) for part in parts)
    if set(value) == {"Std:JsonGet"}:
        return _json_get(value["Std:JsonGet"], values)
    unknown = [key for key in value if key.startswith("Std:")]
    if unknown:
        raise ExpressionError(f"{unknown[0]} is not a function of pipeline definitions")
    return {key: resolve(item, values) for key, item in value.items()}


def references(value: Any) -> Iterator[str]:
    """Names of the steps that `value` refers to: they must have ended before it is resolved."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        target = value.get("Get")
        if set(value) == {"Get"} and isinstance(target, str) and target.startswith("Steps."):
            yield step_of(target)
        else:
            for item in value.values():
                yield from references(item)


def step_of(reference: str) -> str:
    """The step's name in `Steps.NAME.path`."""
    return reference.removeprefix("Steps.").split(".", 1)[0].split("[", 1)[0]


def as_text(value: Any) -> str:
    """A value as `Std:Join` writes it: strings bare, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def follow(document: Any, path: str, *, what: str) -> Any:
    """Walk `a.b[0]['c']` through a document.

    In a list, `['name']` finds the element that carries this name, as in
    `ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri`.
    Raises ExpressionError that names `what` and the part that is missing.
    """
    position = 0
    while position < len(path):
        token = _TOKEN.match(path, position)
        if token is None:
            raise ExpressionError(f"{what}: cannot read the path {path!r} at {path[position:]!r}")
        position = token.end()
        key = next(group for group in token.groups() if group is not None)
        found, document = _child(document, key)
        if not found:
            raise ExpressionError(f"{what}: nothing at {key!r} of the path {path!r}")
    return document


def _child(document: Any, key: str) -> tuple[bool, Any]:
    if isinstance(document, Mapping):
        return key in document, document.get(key)
    if isinstance(document, list):
        if key.isdigit():
            return int(key) < len(document), document[int(key)] if int(key) < len(
                document
            ) else None
        for item in document:
            if isinstance(item, Mapping) and any(item.get(field) == key for field in _NAME_FIELDS):
                return True, item
    return False, None


def _get(reference: str, values: Values) -> Any:
    kind, _, rest = reference.partition(".")
    if kind == "Parameters":
        if rest not in values.parameters:
            raise ExpressionError(f"Unknown parameter {rest}")
        return values.parameters[rest]
    if kind == "Execution":
        if rest not in values.execution:
            raise ExpressionError(f"Unknown execution variable {rest}")
        return values.execution[rest]
    if kind == "Steps":
        name = step_of(reference)
        path = reference.removeprefix(f"Steps.{name}").lstrip(".")
        return follow(values.step(name), path, what=f"step {name}")
    raise ExpressionError(
        f"Cannot get {reference!r}: only Parameters, Steps and Execution are known"
    )


def _json_get(arguments: Mapping[str, Any], values: Values) -> Any:
    path = resolve(arguments.get("Path", ""), values)
    if "S3Uri" in arguments:
        uri = str(resolve(arguments["S3Uri"], values))
        return follow(_parse(values.object_text(uri), uri), path, what=uri)
    reference = arguments.get("PropertyFile")
    target = reference.get("Get", "") if isinstance(reference, dict) else ""
    match = re.fullmatch(r"Steps\.([^.]+)\.PropertyFiles\.([^.]+)", target)
    if match is None:
        raise ExpressionError(
            "Std:JsonGet needs PropertyFile: {Get: Steps.NAME.PropertyFiles.FILE}"
        )
    document = values.property_file(match[1], match[2])
    return follow(document, path, what=f"property file {match[2]} of step {match[1]}")


def _parse(text: str, uri: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ExpressionError(f"{uri} is not JSON: {error}") from None
