"""Writes docs/operations.md from the list of operations: `make diagrams`."""

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from local_cloud.operations import listed  # noqa: E402 - the path comes first
from local_cloud.operations.listed import Difference, Operation, ResourceType  # noqa: E402

PAGE = ROOT / "docs/operations.md"
HEAD = """<!-- Made by `make diagrams` from local_cloud/operations/services. -->

# Operations of AWS

What our code, our templates' machines and the CDK CLI ask of AWS: {operations} operations of
{services} services, {behaviours} behaviours that we rely on, each with the test that holds the
emulator to it; at the end the types that our templates use. The lists are data
(`local_cloud/operations`). The local cloud records what is asked for, by names alone, in
`operations.jsonl` of its home; `.local/venvs/emulator/bin/python -m local_cloud operations`
compares the two. The tests of the whole loop and `make rehearse` end with it, `tests/contract`
reads the calls of our source, `tests/infra` our templates: what is used and not on the list fails
there, with where to write it."""


def page(operations: Iterable[Operation], types: Iterable[ResourceType]) -> str:
    """The whole page."""
    all_of_them, kinds = list(operations), list(types)
    services = sorted({one.service for one in all_of_them})
    head = HEAD.format(
        operations=len(all_of_them),
        services=len(services),
        behaviours=sum(len(one.behaviour) for one in all_of_them),
    )
    named = [(f"{one.service}:{one.name}", one.differs) for one in all_of_them]
    parts = [head, _differences([*named, *((one.name, one.differs) for one in kinds)])]
    for service in services:
        rows = [
            f"| [{one.name}]({one.source}) | {' '.join(each.says for each in one.behaviour)} | "
            f"{len(one.parameters)} |"
            for one in all_of_them
            if one.service == service
        ]
        table = "\n".join(["| operation | what we rely on | parameters |", "|---|---|--:|", *rows])
        parts += [f"## {service}", table]
    rows = [
        f"| [{one.name}]({one.source}) | {' '.join(each.says for each in one.behaviour)} | "
        f"{' '.join(one.properties)} |"
        for one in kinds
    ]
    table = "\n".join(["| type | what we rely on | properties |", "|---|---|---|", *rows])
    parts += ["## Types of CloudFormation", table]
    return "\n\n".join(parts) + "\n"


def _differences(named: Iterable[tuple[str, tuple[Difference, ...]]]) -> str:
    rows = [
        f"| {name} | {each.says} | `{each.covered_by}` |"
        for name, differs in named
        for each in differs
    ]
    head = ["| what | what the emulator does otherwise | instead |", "|---|---|---|"]
    return "\n".join(["## Otherwise than on AWS", "", *head, *rows])


if __name__ == "__main__":
    PAGE.write_text(page(listed.read().values(), listed.read_types().values()))
