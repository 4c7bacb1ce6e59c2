"""Names of what a request or a resource of a template gives. Pure.

A request is walked along the shapes of botocore's models; a resource by its own names.

`Parameters[].ParameterKey`; of a map `Variables{}`, and `Attributes{VisibilityTimeout}` where the
model lists its keys. A name that the shape lacks ends with `?`. No value is kept.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

# Below these a template has words of another language, or of ours: a policy, a schema, keys.
OF_ANOTHER_LANGUAGE = (
    "Containers[].Environment",
    "EventPattern",
    "InputPathsMap",
    "KeyPolicy",
    "PolicyDocument",
    "RepositoryPolicyText",
    "RequestModels",
    "ResponseParameters",
    "ResponseTemplates",
    "Schema",
    "Tags",
    "Variables",
)
Shape = Any  # botocore's kinds of shape have members that their base lacks


def of_resource(given: object, path: str = "") -> Iterator[str]:
    """Paths of a resource's properties: `LifecycleConfiguration.Rules[].Status`.

    A value that CloudFormation works out (`Ref`, `Fn::Join`) is a value.
    """
    is_ours = not path.endswith(OF_ANOTHER_LANGUAGE)
    if isinstance(given, Mapping) and given and is_ours and not _is_function(given):
        for key, value in given.items():
            yield from of_resource(value, _below(path, key))
    elif isinstance(given, list) and given and is_ours:
        for value in given:
            yield from of_resource(value, f"{path}[]")
    elif path:
        yield path


def _is_function(given: Mapping[str, object]) -> bool:
    return len(given) == 1 and next(iter(given)).startswith(("Ref", "Fn::"))


def of_data(shape: Shape, given: object, path: str) -> Iterator[str]:
    """Paths of what a JSON or CBOR value gives; names that the shape lacks stand as they came."""
    kind = shape.type_name
    if kind == "structure" and isinstance(given, Mapping):
        yield from _of_structure(shape, given, path)
    elif kind == "list" and isinstance(given, list) and given:
        for value in given:
            yield from of_data(shape.member, value, f"{path}[]")
    elif kind == "map" and isinstance(given, Mapping) and given:
        for key, value in given.items():
            yield from of_data(shape.value, value, f"{path}{_of_key(shape, key)}")
    elif path:
        yield path


def _of_structure(shape: Shape, given: Mapping[str, object], path: str) -> Iterator[str]:
    names = {_as_sent(member, name): name for name, member in shape.members.items()}
    for sent, value in given.items():
        name = names.get(sent) or names.get(sent[:1].lower() + sent[1:])
        if value is None:
            continue
        if name is None:
            yield f"{_below(path, sent)}?"
        else:
            yield from of_data(shape.members[name], value, _below(path, name))
    if not given and path:
        yield path


def _of_key(shape: Shape, key: object) -> str:
    """A key that the model names, as of a queue's attributes; of the others nothing."""
    return f"{{{key}}}" if key in getattr(shape.key, "enum", ()) else "{}"


def _as_sent(member: Shape, name: str) -> str:
    return str(member.serialization.get("name") or name)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def of_flat(shape: Shape, parts: list[str], path: str) -> str:
    """The path of one name of the Query protocol: `Parameters.member.1.ParameterKey`."""
    if not parts:
        return path
    if shape.type_name == "structure":
        names = {_as_sent(member, name): name for name, member in shape.members.items()}
        name = names.get(parts[0], parts[0])
        if name not in shape.members:
            return f"{_below(path, name)}?"
        return of_flat(shape.members[name], parts[1:], _below(path, name))
    if shape.type_name == "list":
        rest = parts if parts[0].isdigit() else parts[1:]
        return of_flat(shape.member, rest[1:], f"{path}[]")
    if shape.type_name == "map":
        rest = parts if parts[0].isdigit() else parts[1:]
        value = rest[2:] if rest[1:2] != ["key"] else []
        return of_flat(shape.value, value, f"{path}{{}}")
    return path


def of_xml(shape: Shape, element: ElementTree.Element, path: str) -> Iterator[str]:
    """Paths of what an XML document gives."""
    if shape.type_name == "structure":
        names = {_in_xml(member, name): name for name, member in shape.members.items()}
        for child in element:
            tag = child.tag.rpartition("}")[2]
            name = names.get(tag)
            if name is None:
                yield f"{_below(path, tag)}?"
                continue
            member = shape.members[name]
            if member.type_name == "list" and member.serialization.get("flattened"):
                yield from of_xml(member.member, child, f"{_below(path, name)}[]")
            else:
                yield from of_xml(member, child, _below(path, name))
        if not len(element) and path:
            yield path
    elif shape.type_name == "list" and len(element):
        for child in element:
            yield from of_xml(shape.member, child, f"{path}[]")
    elif path:
        yield path


def _in_xml(member: Shape, name: str) -> str:
    if member.type_name == "list" and member.serialization.get("flattened"):
        return str(
            member.serialization.get("name") or member.member.serialization.get("name") or name
        )
    return str(member.serialization.get("name") or name)
