"""What our templates use of CloudFormation, and their machines of other services, is listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from local_cloud.operations import listed
from local_cloud.operations.paths import of_resource

from .synthesis import Templates, synthesise_delivery, text

TASK = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(\w+):(\w+)")


def used(templates: Templates) -> Iterator[tuple[str, str, str]]:
    """Each property of each resource: where it stands, the type, the property's path."""
    for resource in templates.resources():
        for path in dict.fromkeys(of_resource(resource.properties)):
            yield resource.where, resource.kind, path


def tasks(templates: Templates) -> set[tuple[str, str]]:
    """Service and operation of each task of the state machines."""
    definitions = [
        text(machine.properties["DefinitionString"])
        for machine in templates.resources("AWS::StepFunctions::StateMachine")
    ]
    return {
        (service, action[0].upper() + action[1:])
        for definition in definitions
        for service, action in TASK.findall(definition)
    }


def test_every_property_of_our_templates_is_on_the_list(templates: Templates) -> None:
    found = listed.unlisted_properties(used(templates))
    assert not found, "\n".join(found)


def test_every_property_of_the_delivery_is_on_the_list(tmp_path: Path) -> None:
    found = listed.unlisted_properties(used(synthesise_delivery(tmp_path)))
    assert not found, "\n".join(found)


def test_no_type_is_on_the_list_that_nothing_uses(
    every_stage: dict[str, Templates], tmp_path: Path
) -> None:
    every = [*every_stage.values(), synthesise_delivery(tmp_path)]
    found = {(kind, name) for stage in every for _, kind, name in used(stage)}
    wanted = {
        (kind, name) for kind, entry in listed.read_types().items() for name in entry.properties
    }
    assert wanted - found == set()


def test_a_property_that_is_not_on_the_list_is_named_with_where_to_write_it(
    prod: Templates,
) -> None:
    changed = prod.having("Foundation", "Extra", "AWS::SQS::Queue", DelaySeconds=5)
    [sentence] = listed.unlisted_properties(used(changed))
    assert sentence.startswith("Foundation/Extra gives AWS::SQS::Queue the property DelaySeconds")
    deeper = {"Rules": [{"Status": "Enabled", "TagFilters": [{"Key": "k", "Value": "v"}]}]}
    changed = prod.having("Foundation", "Extra", "AWS::S3::Bucket", LifecycleConfiguration=deeper)
    sentences = listed.unlisted_properties(used(changed))
    assert [sentence.split(",")[0].split()[-1] for sentence in sentences] == [
        "LifecycleConfiguration.Rules[].TagFilters[].Key",
        "LifecycleConfiguration.Rules[].TagFilters[].Value",
    ]
    changed = prod.having("Foundation", "Extra", "AWS::DynamoDB::Table", TableName="t")
    [sentence] = listed.unlisted_properties(used(changed))
    assert "Foundation/Extra is an AWS::DynamoDB::Table" in sentence
    assert "local_cloud/operations/resources.yaml" in sentence


def test_every_task_of_a_machine_is_on_the_list(templates: Templates) -> None:
    found = tasks(templates)
    assert ("cloudformation", "UpdateStack") in found
    assert found - listed.read().keys() == set()
