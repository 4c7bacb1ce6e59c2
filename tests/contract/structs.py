"""Whether one room's struct can read what another room's struct writes, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

Node = inspect.Type
ANYTHING = (inspect.AnyType, inspect.RawType)
SEQUENCES = (inspect.ListType, inspect.VarTupleType)


def differences(reader: Any, writer: Any) -> list[str]:
    """Where the reader asks for what the writer does not leave, by name and type."""
    return list(_differ(inspect.type_info(reader), inspect.type_info(writer), "$"))


def field_names(struct: type[msgspec.Struct]) -> set[str]:
    """The names under which a struct is written."""
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def renamed(struct: type[msgspec.Struct], old: str) -> type[msgspec.Struct]:
    """A copy of a struct with one field under another name."""
    fields = [
        (f"other_{old}" if field.name == old else field.name, field.type)
        for field in msgspec.structs.fields(struct)
    ]
    return msgspec.defstruct(struct.__name__, fields)


def _differ(reader: Node, writer: Node, place: str) -> Iterator[str]:
    if isinstance(reader, ANYTHING):
        return
    if isinstance(reader, inspect.UnionType) or isinstance(writer, inspect.UnionType):
        yield from _differ_by_absence(reader, writer, place)
    elif isinstance(reader, inspect.StructType):
        yield from _differ_in_fields(reader, writer, place)
    elif isinstance(reader, inspect.DictType):
        if isinstance(writer, inspect.DictType):
            yield from _differ(reader.value_type, writer.value_type, f"{place}[...]")
        elif not isinstance(writer, inspect.StructType):
            yield f"{place} is no object"
    elif isinstance(reader, SEQUENCES):
        if isinstance(writer, SEQUENCES):
            yield from _differ(reader.item_type, writer.item_type, f"{place}[]")
        else:
            yield f"{place} is no list"
    elif not _is_same_scalar(reader, writer):
        yield f"{place} is {_name(writer)}, {_name(reader)} is read"


def _is_same_scalar(reader: Node, writer: Node) -> bool:
    if isinstance(writer, inspect.LiteralType):
        return isinstance(reader, inspect.StrType | inspect.LiteralType)
    return type(reader) is type(writer)


def _differ_by_absence(reader: Node, writer: Node, place: str) -> Iterator[str]:
    reads, writes = _members(reader), _members(writer)
    nothing = inspect.NoneType()
    if nothing in writes and nothing not in reads:
        yield f"{place} may be null, which is not read"
    some = ([member for member in side if member != nothing] for side in (reads, writes))
    for wanted, given in zip(*some, strict=True):
        yield from _differ(wanted, given, place)


def _members(node: Node) -> tuple[Node, ...]:
    return node.types if isinstance(node, inspect.UnionType) else (node,)


def _differ_in_fields(reader: inspect.StructType, writer: Node, place: str) -> Iterator[str]:
    if not isinstance(writer, inspect.StructType):
        yield f"{place} is no object"
        return
    written = {field.encode_name: field for field in writer.fields}
    for field in reader.fields:
        here = f"{place}.{field.encode_name}"
        found = written.get(field.encode_name)
        if found is None:
            yield f"{here} is not written"
            continue
        if found.default is msgspec.UNSET and field.required:
            yield f"{here} may be absent"
        yield from _differ(field.type, found.type, here)


def _name(node: Node) -> str:
    return type(node).__name__.removesuffix("Type").lower()
