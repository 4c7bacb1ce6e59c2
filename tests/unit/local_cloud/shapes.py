"""An answer of our SageMaker, held against botocore's model of the operation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape

# Errors that every operation may answer with. Source: "Common Errors" in the API reference.
COMMON = {"ValidationException", "AccessDeniedException", "ThrottlingException"}
PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


@cache
def sagemaker() -> ServiceModel:
    """botocore's model of the service."""
    return botocore.session.get_session().get_service_model("sagemaker")


def check(operation: str, status: int, body: bytes) -> None:
    """Fail with what is wrong with an answer: names, types, enums, what must be there, errors."""
    answer = json.loads(body or b"{}")
    if operation not in sagemaker().operation_names:
        assert status == 400, f"{operation} is none of SageMaker's operations"
        return
    model = sagemaker().operation_model(operation)
    if status == 200:
        shape = model.output_shape
        found = list(flaws(shape, answer, operation) if shape else answer)
        assert not found, "; ".join(found)
        return
    code = answer["__type"]
    known = {shape.name for shape in model.error_shapes}
    signature = {"SignatureDoesNotMatch", "InvalidSignatureException", "ExpiredTokenException"}
    assert code in known | COMMON | signature, f"{operation} has no error {code}, only {known}"
    assert isinstance(answer["message"], str)


def flaws(shape: Shape, value: object, path: str) -> Iterator[str]:
    """What in a value is not of its shape."""
    kind = shape.type_name
    if kind in PYTHON and (
        not isinstance(value, PYTHON[kind]) or (isinstance(value, bool) and kind != "boolean")
    ):
        yield f"{path} is {type(value).__name__} and should be {kind}"
    elif kind == "structure" and isinstance(value, Mapping):
        yield from _of_structure(shape, value, path)
    elif kind == "list" and isinstance(value, list):
        for number, one in enumerate(value):
            yield from flaws(shape.member, one, f"{path}[{number}]")
    elif kind == "map" and isinstance(value, Mapping):
        for one in value.values():
            yield from flaws(shape.value, one, f"{path}{{}}")
    elif kind == "string" and shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}, which is none of {shape.enum[:8]}"


def _of_structure(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"{path} lacks {name}"
    for name, one in value.items():
        if name not in shape.members:
            yield f"{path} has no member {name}"
        else:
            yield from flaws(shape.members[name], one, f"{path}.{name}")
