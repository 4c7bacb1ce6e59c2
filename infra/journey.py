"""`python -m infra.journey FOLDER`: the picture of a stage, drawn from its templates.

An arrow stands where a role may do what it says, an event rule has a target, a stream has a bucket
or a route has a function: nothing is drawn by hand. A machine's functions are drawn as the machine.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra import loop_picture
from infra.loop_picture import Edge, Node
from lambdas.contract import names

Json = dict[str, Any]
OUT, LOOP = Path("docs/architecture.md"), Path("docs/loop.svg")
SHAPES = {  # by type, as mermaid draws it
    "AWS::S3::Bucket": "[({})]",
    "AWS::Lambda::Function": "[{}]",
    "AWS::StepFunctions::StateMachine": "[[{}]]",
    "AWS::SageMaker::Pipeline": "[[{}]]",
    "AWS::SageMaker::Endpoint": "([{}])",
    "AWS::KinesisFirehose::DeliveryStream": "[/{}/]",
    "AWS::SNS::Topic": "{{{{{}}}}}",
    "AWS::ApiGateway::RestApi": "([{}])",
}
SERVICES = {  # the ARN's service and resource type of what a statement may reach
    "s3": "AWS::S3::Bucket", "lambda": "AWS::Lambda::Function",
    "states": "AWS::StepFunctions::StateMachine", "pipeline": "AWS::SageMaker::Pipeline",
    "endpoint": "AWS::SageMaker::Endpoint", "firehose": "AWS::KinesisFirehose::DeliveryStream",
    "sns": "AWS::SNS::Topic", "execute-api": "AWS::ApiGateway::RestApi",
}  # fmt: skip
CALLS = "calls"
DOES = {  # what is drawn of what a role may do; reading is drawn backwards, as data flow
    "lambda:InvokeFunction": CALLS, "states:StartExecution": "starts",
    "sagemaker:StartPipelineExecution": "starts", "sagemaker:InvokeEndpoint": "asks",
    "firehose:PutRecord": "puts", "firehose:PutRecordBatch": "puts", "sns:Publish": "tells",
    "s3:PutObject": "writes", "s3:GetObject": "read by", "execute-api:Invoke": "asks",
    "cloudformation:UpdateStack": "updates",
}  # fmt: skip
BACKWARDS = ("s3:GetObject",)


def draw(stacks: Mapping[str, Json], prefix: str) -> str:
    """The picture. stacks: templates by name. prefix: what names of the stage begin with."""
    nodes, edges = graph(stacks, prefix)
    drawn = {end for edge in edges for end in (edge.begin, edge.end)}
    lines = ["flowchart LR"]
    for stack in sorted({node.stack for node in nodes.values() if node.logical in drawn}):
        members = [node for node in nodes.values() if node.stack == stack and node.logical in drawn]
        lines += [f"    subgraph {stack}Stack [{stack}]", *map(_box, sorted(members)), "    end"]
    lines += [f'    {name}>"{name.replace("_", " ")}"]' for name in sorted(drawn - set(nodes))]
    says: dict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in edges:
        says[edge.begin, edge.end].append(edge.says)
    lines += [f'    {a} -->|"{", ".join(words)}"| {b}' for (a, b), words in says.items()]
    return "\n".join(lines)


def graph(stacks: Mapping[str, Json], prefix: str) -> tuple[dict[str, Node], list[Edge]]:
    """The boxes by logical id, and the arrows between them, in order."""
    nodes = {node.logical: node for node in _nodes(stacks, prefix)}
    found = (_rules(stacks, nodes), _roles(stacks, nodes), _wires(stacks, nodes))
    return nodes, _folded({edge for edges in found for edge in edges}, nodes)


def _folded(edges: set[Edge], nodes: Mapping[str, Node]) -> list[Edge]:
    """What a machine's own functions do is what the machine does."""
    machines = {name for name, node in nodes.items() if node.kind == SERVICES["states"]}
    inside = {
        edge.end: edge.begin for edge in edges if edge.begin in machines and edge.says == CALLS
    }
    folded = {
        Edge(inside.get(edge.begin, edge.begin), inside.get(edge.end, edge.end), edge.says)
        for edge in edges
    }
    return sorted(edge for edge in folded if edge.begin != edge.end)


def _box(node: Node) -> str:
    return f"        {node.logical}" + SHAPES[node.kind].format(f'"{node.name}"')


def _nodes(stacks: Mapping[str, Json], prefix: str) -> Iterator[Node]:
    for stack, template in sorted(stacks.items()):
        for logical, body in template["Resources"].items():
            if (kind := body["Type"]) in SHAPES:
                properties = body["Properties"]
                physical = _text(properties.get(f"{kind.rpartition('::')[2]}Name", ""))
                short = re.sub(r"-\d{12}-[a-z]{2}-[a-z]+-\d$", "", physical.removeprefix(prefix))
                if kind == "AWS::Lambda::Function":  # lambdas.release.golden.handler
                    short = _text(properties.get("Handler", logical)).split(".")[-2]
                yield Node(stack, logical, kind, _label(kind, short.strip("-")), physical)


def _label(kind: str, short: str) -> str:
    service = kind.rpartition("::")[2].removeprefix("Delivery").replace("RestApi", "API")
    words = {"StateMachine": "machine", "API": "API"}.get(service, service.lower())
    return f"{short} {words}".strip()


def _rules(stacks: Mapping[str, Json], nodes: Mapping[str, Node]) -> Iterator[Edge]:
    """Event rules: what happens, and what it starts."""
    for template in stacks.values():
        for body in template["Resources"].values():
            if body["Type"] != "AWS::Events::Rule":
                continue
            properties = body["Properties"]
            pattern = properties.get("EventPattern", {})
            says = ", ".join(pattern.get("detail-type", [properties.get("ScheduleExpression", "")]))
            buckets = pattern.get("detail", {}).get("bucket", {}).get("name", [])
            begins = [
                node.logical for node in nodes.values() if node.physical in map(_text, buckets)
            ] or ["the_bus" if pattern else "the_clock"]
            for target in properties.get("Targets", []):
                if (end := _referred(target["Arn"])) in nodes:
                    yield from (Edge(begin, end, says) for begin in begins)


def _roles(stacks: Mapping[str, Json], nodes: Mapping[str, Node]) -> Iterator[Edge]:
    """What the role of a function or machine may do to another box."""
    for template in stacks.values():
        resources = template["Resources"]
        owners = {
            _referred(body["Properties"].get("Role") or body["Properties"].get("RoleArn")): logical
            for logical, body in resources.items()
            if logical in nodes and body["Type"].startswith(("AWS::Lambda", "AWS::StepFunctions"))
        }
        owners |= {  # the roles of a pipeline's jobs stand in its definition
            role: logical
            for logical, body in resources.items()
            if body["Type"] == "AWS::SageMaker::Pipeline"
            for role, other in resources.items()
            if other["Type"] == "AWS::IAM::Role" and f'"{role}"' in json.dumps(body)
        }
        for body in resources.values():
            if body["Type"] != "AWS::IAM::Policy":
                continue
            for role in body["Properties"]["Roles"]:
                if owner := owners.get(_referred(role)):
                    statements = body["Properties"]["PolicyDocument"]["Statement"]
                    for statement in statements:
                        yield from _allowed(owner, statement, nodes)


def _allowed(owner: str, statement: Json, nodes: Mapping[str, Node]) -> Iterator[Edge]:
    for action in _listed(statement["Action"]):
        if action.startswith("events:"):
            yield Edge(owner, "the_bus", "tells")
        if action not in DOES:
            continue
        for resource in _listed(statement["Resource"]):
            for other in _reached(resource, nodes):
                if other == owner:
                    continue
                ends = (other, owner) if action in BACKWARDS else (owner, other)
                yield Edge(*ends, DOES[action])


def _reached(resource: Any, nodes: Mapping[str, Node]) -> Iterator[str]:
    """The boxes that a statement's resource names, by its logical id or by its ARN."""
    for logical in nodes:
        if logical in json.dumps(resource):
            yield logical
    found = re.fullmatch(r"arn:[^:]*:([a-z0-9-]+):[^:]*:[^:]*:(.+)", _text(resource))
    if not found:
        return
    service, path = found.groups()
    parts = re.split("[:/]", path)
    kind = SERVICES.get(parts[0] if service == "sagemaker" else service)
    for node in nodes.values():
        # A release updates the stack whose endpoint serves.
        is_updated = service == "cloudformation" and node.stack == "Endpoint"
        if is_updated or (node.kind == kind and node.physical in parts):
            yield node.logical


def _wires(stacks: Mapping[str, Json], nodes: Mapping[str, Node]) -> Iterator[Edge]:
    """Routes of the API, where streams deliver, and whom the topic tells."""
    for template in stacks.values():
        for logical, body in template["Resources"].items():
            properties = body.get("Properties", {})
            match body["Type"]:
                case "AWS::ApiGateway::Method":
                    api = _referred(properties["RestApiId"])
                    for function in _within(
                        properties["Integration"], "AWS::Lambda::Function", nodes
                    ):
                        yield Edge("a_client", api, "asks")
                        yield Edge(api, function, CALLS)
                case "AWS::KinesisFirehose::DeliveryStream":
                    for bucket in _within(properties, "AWS::S3::Bucket", nodes):
                        yield Edge(logical, bucket, "delivers")
                case "AWS::SNS::Subscription":
                    for topic in _within(properties, "AWS::SNS::Topic", nodes):
                        yield Edge(topic, "a_person", "mails")


def _within(properties: Any, kind: str, nodes: Mapping[str, Node]) -> Iterator[str]:
    """The boxes of a kind that some properties name, by logical id or by physical name."""
    said = json.dumps(properties)
    for node in nodes.values():
        if node.kind == kind and (
            node.logical in said or (node.physical and node.physical in said)
        ):
            yield node.logical


def _referred(value: Any) -> str:
    """The logical id that a value refers to; empty where it refers to none."""
    match value:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), _]}:
            return name
    return ""


def _text(value: Any) -> str:
    """A value as text; what is known after the deploy stands as nothing."""
    match value:
        case str():
            return value
        case {"Fn::Join": [glue, parts]}:
            return str(glue).join(map(_text, parts))
    return ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def page(stacks: Mapping[str, Json], prefix: str) -> str:
    """docs/architecture.md."""
    return f"""# Architecture

Drawn from the templates of the prod stage by `make diagrams`: an arrow stands where a role may do
what it says, a rule has a target, a route has a function. What runs inside the machines:
[preprocess](machines/preprocess.md), [learn](machines/learn.md), [release](machines/release.md).
Why it is so: [decisions](decisions/README.md).

```mermaid
{draw(stacks, prefix)}
```
"""


def main() -> int:
    """Draw the stage whose templates lie in a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="of `make synth`: cdk.out")
    parser.add_argument("--stage", default="prod")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--loop", type=Path, default=LOOP, help="the picture of the README")
    asked = parser.parse_args()
    stacks = {
        path.name.partition(".")[0]: json.loads(path.read_text())
        for path in asked.folder.glob("*.template.json")
    }
    prefix = names.name(asked.stage)
    asked.out.write_text(page(stacks, prefix))
    asked.loop.write_text(loop_picture.draw(*graph(stacks, prefix)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
