"""From a stage to its templates, and the same with something broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import msgspec
from aws_cdk.assertions import Template

from app import compose, compose_delivery, flags
from infra.packaging.packages import Packages
from infra.source import DeployedSource
from infra.stage import CONFIGS, Stage

STAGES = ("local", "dev", "prod")
SOURCE = DeployedSource("0" * 40, "1" * 64, "2" * 64, languages=("en",))
REPOSITORY = {"repository": "octo/stars", "repository_ids": "123/456"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Templates:
    """One stage's templates by the construct id of their stack."""

    stage: Stage
    stacks: dict[str, Json]

    def of(self, stack: str) -> Template:
        """One template as CDK's assertions take it."""
        return Template.from_json(self.stacks[stack])

    def resources(self, *kinds: str) -> Iterator[Resource]:
        """All resources of these types (`AWS::S3::Bucket`); of all types where none is named."""
        for stack, template in self.stacks.items():
            for id, body in template["Resources"].items():
                if not kinds or body["Type"] in kinds:
                    yield Resource(stack, id, body)

    def broken(self, stack: str, change: Callable[[Json], object]) -> Templates:
        """A copy in which `change` was applied to the resources of one stack."""
        stacks = copy.deepcopy(self.stacks)
        change(stacks[stack]["Resources"])
        return Templates(self.stage, stacks)

    def having(self, stack: str, id: str, kind: str, **properties: object) -> Templates:
        """A copy with one resource more."""
        body = {"Type": kind, "Properties": properties}
        return self.broken(stack, lambda resources: resources.update({id: body}))


@dataclass(frozen=True)
class Resource:
    """A resource, and where it stands."""

    stack: str
    id: str
    body: Json

    @property
    def where(self) -> str:
        """How a sweep names it."""
        return f"{self.stack}/{self.id}"

    @property
    def kind(self) -> str:
        """Its CloudFormation type."""
        return str(self.body["Type"])

    @property
    def properties(self) -> Json:
        """Its properties, none where it has none."""
        found: Json = self.body.get("Properties", {})
        return found


def synthesise(label: str, folder: Path, stage: Stage | None = None) -> Templates:
    """Build a stage as `app.py` does, with placeholders as code; stage: instead of the file's."""
    stage = stage or Stage.read(label)
    app = cdk.App(context=flags(), analytics_reporting=False, outdir=str(folder))
    compose(app, stage, Packages(folder=None), SOURCE)
    app.synth()
    if json.loads((folder / "manifest.json").read_text()).get("missing"):
        raise AssertionError("the app asked for something that only an account can answer")
    files = folder.glob("*.template.json")
    stacks = {path.name.partition(".")[0]: json.loads(path.read_text()) for path in files}
    return Templates(stage, dict(sorted(stacks.items())))


def synthesise_delivery(folder: Path, **changed: object) -> Templates:
    """The stack of who deploys, of prod with a repository; changed: values of `delivery`."""
    values = msgspec.yaml.decode((CONFIGS / "prod.yaml").read_bytes())
    values["delivery"] |= {**REPOSITORY, **changed}
    stage = msgspec.convert({**values, "label": "prod"}, Stage)
    app = cdk.App(context=flags(), analytics_reporting=False, outdir=str(folder))
    compose_delivery(app, stage)
    app.synth()
    [path] = folder.glob("*.template.json")
    return Templates(stage, {"Delivery": json.loads(path.read_text())})


def with_value(label: str, path: str, value: Any) -> Stage:
    """A stage with one value changed."""
    values = msgspec.yaml.decode((CONFIGS / f"{label}.yaml").read_bytes())
    part, _, name = path.rpartition(".")
    (values[part] if part else values)[name] = value
    return msgspec.convert({**values, "label": label}, Stage)


def text(value: object) -> str:
    """A value as one string: `${Logical.Attribute}` stands for what is known after the deploy."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::ImportValue": name}:
            return f"${{{name}}}"
        case {"Fn::Join": [glue, parts]}:
            return str(glue).join(map(text, parts))
        case {"Fn::Sub": str(pattern)}:
            return str(pattern)
        case bool() | int() | float():
            return str(value).lower()
    raise ValueError(f"no text: {json.dumps(value)[:200]}")


def listed(value: object) -> list[Any]:
    """One or several, always as a list."""
    return value if isinstance(value, list) else [value]
