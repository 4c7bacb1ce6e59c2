"""The lists of operations and of resource types that are used, and what is not on them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from local_cloud.operations import recorder
from local_cloud.operations.requests import Usage

FOLDER = Path(__file__).with_name("services")
RESOURCES = Path(__file__).with_name("resources.yaml")
_WHERE = "local_cloud/operations/services"
TESTS = "tests"  # what the tests' own clients call themselves: they are no part of the app


@dataclass(frozen=True)
class Behaviour:
    """What we rely on, and the test that holds the emulator to it, as pytest names it."""

    says: str
    test: str


@dataclass(frozen=True)
class Difference:
    """What the emulator does otherwise, and where our use of it is proven without it."""

    says: str
    covered_by: str


@dataclass(frozen=True)
class Operation:
    """One operation by botocore's names. source: the page of AWS that says how it behaves."""

    service: str
    name: str
    source: str
    parameters: tuple[str, ...]
    behaviour: tuple[Behaviour, ...]
    differs: tuple[Difference, ...]


@cache
def read() -> dict[tuple[str, str], Operation]:
    """Every operation on the list, by service and name."""
    return {
        (path.stem, name): _operation(path.stem, name, entry)
        for path in sorted(FOLDER.glob("*.yaml"))
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    }


def _operation(service: str, name: str, entry: Mapping[str, Any]) -> Operation:
    return Operation(
        service,
        name,
        entry["source"],
        tuple(entry.get("parameters") or ()),
        tuple(Behaviour(**one) for one in entry["behaviour"]),
        tuple(Difference(**one) for one in entry.get("differs") or ()),
    )


@dataclass(frozen=True)
class ResourceType:
    """One type of CloudFormation. properties: the paths that our templates give it."""

    name: str
    source: str
    properties: tuple[str, ...]
    behaviour: tuple[Behaviour, ...]
    differs: tuple[Difference, ...]


@cache
def read_types() -> dict[str, ResourceType]:
    """Every resource type on the list, by its name."""
    return {
        name: ResourceType(
            name,
            entry["source"],
            tuple(entry["properties"]),
            tuple(Behaviour(**one) for one in entry["behaviour"]),
            tuple(Difference(**one) for one in entry.get("differs") or ()),
        )
        for name, entry in yaml.safe_load(RESOURCES.read_text(encoding="utf-8")).items()
    }


def unlisted_properties(used: Iterable[tuple[str, str, str]]) -> list[str]:
    """A sentence for each type or property that is used and not on the list.

    used: where it stands, its type, and the path of one of its properties.
    """
    found = []
    for where, kind, path in used:
        entry, file = read_types().get(kind), "local_cloud/operations/resources.yaml"
        if entry is None:
            found.append(
                f"{where} is an {kind}, which is not on the list: write it in {file}, with what "
                "we rely on, AWS's page, and a test of it against the emulator"
            )
        elif path not in entry.properties:
            found.append(
                f"{where} gives {kind} the property {path}, which is not on the list: add it in "
                f"{file}, with a test of what it does in the emulator"
            )
    return list(dict.fromkeys(found))


def unlisted(used: Iterable[tuple[Usage, str]]) -> list[str]:
    """A sentence for each operation or parameter that is used and not on the list.

    used: each with who used it.
    """
    return list(dict.fromkeys(_sentence(usage, client) for usage, client in _missing(used)))


def _missing(used: Iterable[tuple[Usage, str]]) -> Iterable[tuple[Usage, str]]:
    """What is not on the list: an operation without parameters, or one of a listed operation."""
    for usage, client in used:
        entry = read().get((usage.service, usage.operation))
        if entry is None:
            yield Usage(usage.service, usage.operation, ()), client
            continue
        for name in usage.parameters:
            if name not in entry.parameters:
                yield Usage(usage.service, usage.operation, (name,)), client


def _sentence(usage: Usage, client: str) -> str:
    if usage.service == recorder.UNREADABLE:
        return (
            f"{client} sent what is of no operation that botocore knows ({usage.operation}): "
            "teach local_cloud/operations/requests.py to read it"
        )
    name, file = f"{usage.service}:{usage.operation}", f"{_WHERE}/{usage.service}.yaml"
    if not usage.parameters:
        return (
            f"{client} uses {name}, which is not on the list: write it in {file}, with what we "
            "rely on, AWS's page, and a test of it against the emulator"
        )
    return (
        f"{client} gives {name} the parameter {usage.parameters[0]}, which is not on the list: "
        f"add it in {file}, with a test of what it does in the emulator"
    )
