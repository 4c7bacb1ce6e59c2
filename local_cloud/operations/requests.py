"""From a request on the wire to the operation and the names of its parameters. Pure.

Only names are read, those of botocore's models, and no value is kept.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import botocore.session
from botocore.model import OperationModel, ServiceModel, StructureShape
from botocore.parsers import RpcV2CBORParser

from local_cloud.operations.paths import of_data, of_flat, of_xml

# The scope of a signature where botocore calls the service otherwise; the first that has the
# operation counts.
BY_SCOPE = {
    "states": ("stepfunctions",),
    "monitoring": ("cloudwatch",),
    "servicequotas": ("service-quotas",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
}
_CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")


@dataclass(frozen=True)
class Usage:
    """An operation by botocore's names; parameters: sorted paths of what was given."""

    service: str
    operation: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Wire:
    """A request as it came: names of headers in lower case, the query with repeated names once."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    body: bytes


class UnknownOperationError(LookupError):
    """A request that no model of botocore describes."""


def read(scope: str, wire: Wire) -> Usage:
    """What a request asks for. scope: the service in its signature.

    Raises UnknownOperationError for what no model describes.
    """
    for name in BY_SCOPE.get(scope, (scope,)):
        model = _model(name)
        found = _read(model, wire) if model else None
        if found:
            operation, parameters = found
            return Usage(name, operation.name, tuple(sorted(set(parameters))))
    raise UnknownOperationError(f"{scope}: {wire.method} of a path that botocore does not know")


def of_call(service: str, operation: str, given: object) -> Usage:
    """The same for a call that a service makes by itself, as a state machine does."""
    model = _model(service)
    if model is None or operation not in model.operation_names:
        raise UnknownOperationError(f"{service}:{operation} is in no model of botocore")
    shape = model.operation_model(operation).input_shape
    paths = of_data(shape, given, "") if shape else ()
    return Usage(service, operation, tuple(sorted(set(paths))))


@cache
def _model(name: str) -> ServiceModel | None:
    session = _session()
    return session.get_service_model(name) if name in session.get_available_services() else None


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


Found = tuple[OperationModel, list[str]] | None


def _read(model: ServiceModel, wire: Wire) -> Found:
    target = wire.headers.get("x-amz-target", "").rpartition(".")[2]
    if target:
        return _of_document(model, target, _json(wire.body))
    if match := _CBOR.fullmatch(wire.path):
        return _of_document(model, match[1], _cbor(wire.body))
    form = dict(parse_qsl(wire.body.decode("latin-1"), keep_blank_values=True))
    if "form-urlencoded" in wire.headers.get("content-type", "") and "Action" in form:
        return _of_form(model, form)
    return _of_rest(model, wire)


def _of_document(model: ServiceModel, name: str, given: object) -> Found:
    if name not in model.operation_names:
        return None
    operation = model.operation_model(name)
    shape = operation.input_shape
    return operation, list(of_data(shape, given, "")) if shape else []


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}


def _cbor(body: bytes) -> Any:
    return RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}


def _of_form(model: ServiceModel, form: Mapping[str, str]) -> Found:
    """The Query protocol: `Parameters.member.1.ParameterKey`."""
    if form["Action"] not in model.operation_names:
        return None
    operation = model.operation_model(form["Action"])
    shape = operation.input_shape
    names = [name for name in form if name not in ("Action", "Version")]
    return operation, [of_flat(shape, name.split("."), "") for name in names] if shape else []


@dataclass(frozen=True)
class Route:
    """Where an operation of a REST service is found; literals: `?versioning`, `?list-type=2`."""

    operation: str
    method: str
    path: re.Pattern[str]
    literals: Mapping[str, str]
    required_query: frozenset[str]
    required_headers: frozenset[str]
    weight: int

    def fits(self, wire: Wire) -> bool:
        """Whether a request can be of this operation."""
        return (
            self.method == wire.method
            and self.path.fullmatch(wire.path) is not None
            and all(
                name in wire.query and (not text or _first(wire.query[name]) == text)
                for name, text in self.literals.items()
            )
            and self.required_query <= wire.query.keys()
            and self.required_headers <= wire.headers.keys()
        )


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


@cache
def _routes(service: str) -> list[Route]:
    """Routes, the most particular ones first."""
    model = _model(service)
    found = [_route(model.operation_model(name)) for name in model.operation_names] if model else []
    return sorted(found, key=lambda route: -route.weight)


def _route(operation: OperationModel) -> Route:
    path, _, query = operation.http["requestUri"].partition("?")
    # A client of S3 in this process takes the bucket out of the model's path; authPath keeps it.
    path = operation.http.get("authPath") or path
    literals = dict(parse_qsl(query, keep_blank_values=True))
    literals.pop("x-id", None)
    shape = operation.input_shape
    required = shape.required_members if shape else []
    members = [(name, shape.members[name].serialization) for name in required] if shape else []
    where = {
        place: frozenset(
            str(how.get("name", name)).lower() if place == "header" else str(how.get("name", name))
            for name, how in members
            if how.get("location") == place
        )
        for place in ("querystring", "header")
    }
    pieces = [piece for piece in re.split(r"(\{[^}]+\})", path.rstrip("/") or "/") if piece]
    pattern = "".join(
        re.escape(piece) if piece[0] != "{" else ".+" if piece.endswith("+}") else "[^/]+"
        for piece in pieces
    )
    # Segments count most, so that a key is not taken for a bucket; then what must be there.
    weight = 100 * path.count("/") + 10 * sum(piece[0] != "{" for piece in pieces)
    weight += 5 * (len(literals) + len(where["querystring"]) + len(where["header"]))
    return Route(
        operation.name,
        operation.http["method"],
        re.compile(f"{pattern}/?"),
        literals,
        where["querystring"],
        where["header"],
        weight,
    )


def _of_rest(model: ServiceModel, wire: Wire) -> Found:
    route = next((one for one in _routes(model.service_name) if one.fits(wire)), None)
    if route is None:
        return None
    operation = model.operation_model(route.operation)
    shape = operation.input_shape
    return operation, list(_of_members(shape, operation, wire)) if shape else []


def _of_members(shape: StructureShape, operation: OperationModel, wire: Wire) -> Iterator[str]:
    payload = shape.serialization.get("payload")
    is_xml = "rest-xml" in operation.service_model.metadata.get("protocols", ["rest-xml"])
    is_xml = operation.service_model.protocol == "rest-xml" and is_xml
    for name, member in shape.members.items():
        how = member.serialization
        sent, place = str(how.get("name", name)), how.get("location")
        if (
            place == "uri"
            or (place == "querystring" and sent in wire.query)
            or (place == "header" and sent.lower() in wire.headers)
        ):
            yield name
        elif place == "headers":
            if any(header.startswith(sent.lower()) for header in wire.headers):
                yield f"{name}{{}}"
        elif name == payload and wire.body:
            if member.type_name in ("blob", "string"):
                yield name
            elif is_xml:
                yield from of_xml(member, _xml(wire.body), name)
            else:
                yield from of_data(member, _json(wire.body), name)
    if payload is None and wire.body:
        if is_xml:
            yield from of_xml(shape, _xml(wire.body), "")
        else:
            yield from of_data(shape, _json(wire.body), "")


def _xml(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - by a client of this machine
    except ElementTree.ParseError:
        return ElementTree.Element("broken")
