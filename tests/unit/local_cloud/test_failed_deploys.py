"""A first deploy that fails in any stack leaves nothing in the way of the second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from operate import place
from tests.unit.local_cloud.conftest import Cloud, settled

pytestmark = pytest.mark.slow
Json = dict[str, Any]
TAKEN = "/taken"  # a parameter that is there already, and nobody's


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """The local stage's, of data that outlives its stacks; in the order of their deploy."""
    from tests.infra.synthesis import synthesise, with_value  # starts CDK: for who runs it alone

    stage = with_value("local", "data.remove_on_destroy", False)
    made = synthesise("local", tmp_path_factory.mktemp("assembly"), stage)
    order = ("Foundation", "Preprocessing", "Learning", "Endpoint", "Serving", "Operations")
    return {stack: made.stacks[stack] for stack in order}


def create(cloud: Cloud, stack: str, template: Json) -> str:
    """Deploy a stack as the CDK CLI does after a failure; returns its status."""
    deploys, name = cloud.client("cloudformation"), place.Place("local").name(stack.lower())
    if settled(cloud, name) == "ROLLBACK_COMPLETE":
        deploys.delete_stack(StackName=name)
        assert settled(cloud, name) == "GONE"
    cloud.client("s3").put_object(Bucket="templates", Key=stack, Body=json.dumps(template))
    url = f"https://s3.amazonaws.com/templates/{stack}"
    deploys.create_stack(StackName=name, TemplateURL=url, Capabilities=["CAPABILITY_NAMED_IAM"])
    return settled(cloud, name)


def failing(template: Json) -> Json:
    """The template with one resource more, the last to be made, which cannot be."""
    resources = template["Resources"]
    unconditional = [id for id, body in resources.items() if "Condition" not in body]
    properties = {"Name": TAKEN, "Type": "String", "Value": "b"}
    added: Any = {
        "Type": "AWS::SSM::Parameter",
        "Properties": properties,
        "DependsOn": unconditional,
    }
    return {**template, "Resources": {**resources, "Failing": added}}


def test_a_failure_in_each_stack_in_turn_blocks_no_second_deploy(
    cloud: Cloud, templates: dict[str, Json], tmp_path: Path
) -> None:
    cloud.client("s3").create_bucket(Bucket="templates")
    for name, value in ((TAKEN, "a"), ("/cdk-bootstrap/hnb659fds/version", "30")):
        cloud.client("ssm").put_parameter(Name=name, Type="String", Value=value)
    for stack, template in templates.items():
        assert (stack, create(cloud, stack, failing(template))) == (stack, "ROLLBACK_COMPLETE")
        assert (stack, create(cloud, stack, template)) == (stack, "CREATE_COMPLETE")


def test_a_stage_that_was_destroyed_takes_its_kept_buckets_back(
    cloud: Cloud, templates: dict[str, Json]
) -> None:
    """As `make deploy` does it: `--import-existing-resources`."""
    cloud.client("s3").create_bucket(Bucket="templates")
    cloud.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Type="String", Value="30"
    )
    deploys, template = cloud.client("cloudformation"), templates["Foundation"]
    assert create(cloud, "Foundation", template) == "CREATE_COMPLETE"
    [raw] = [b for b in buckets(cloud) if "-raw-" in b]
    cloud.client("s3").put_object(Bucket=raw, Key="incoming/a", Body=b"a")
    name = place.Place("local").name("foundation")
    deploys.delete_stack(StackName=name)
    assert settled(cloud, name) == "GONE"
    kept = buckets(cloud)
    assert raw in kept
    deploys.create_change_set(
        StackName=name,
        ChangeSetName="again",
        ChangeSetType="CREATE",
        ImportExistingResources=True,
        TemplateURL="https://s3.amazonaws.com/templates/Foundation",
    )
    deploys.get_waiter("change_set_create_complete").wait(StackName=name, ChangeSetName="again")
    deploys.execute_change_set(StackName=name, ChangeSetName="again")
    assert settled(cloud, name) == "CREATE_COMPLETE"
    assert buckets(cloud) == kept
    assert cloud.client("s3").get_object(Bucket=raw, Key="incoming/a")["Body"].read() == b"a"


def buckets(cloud: Cloud) -> list[str]:
    return [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
