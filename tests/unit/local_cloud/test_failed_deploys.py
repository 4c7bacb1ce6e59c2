"""A first deploy that fails in any stack leaves nothing in the way of the second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from lambdas.ports import encryption_keys, models
from operate import place
from operate.adopt import identifiers
from operate.errors import InputError
from tests.unit.local_cloud.conftest import Cloud, may, settled

pytestmark = pytest.mark.slow
Json = dict[str, Any]
TAKEN = "/taken"  # a parameter that is there already, and nobody's


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """The local stage's, of data that outlives its stacks; in the order of their deploy."""
    from tests.infra.synthesis import synthesise, with_value  # starts CDK: for who runs it alone

    stage = with_value("local", "data.remove_on_destroy", False)
    kept = msgspec.structs.replace(stage.protection, keep_packages=True)
    built = msgspec.structs.replace(stage.learning, image_uri="")
    stage = msgspec.structs.replace(stage, protection=kept, learning=built)
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


def test_a_queue_of_another_owner_is_not_written_over(cloud: Cloud) -> None:
    """As on AWS, and unlike a queue that the stack has made itself."""
    url = cloud.client("sqs").create_queue(QueueName="taken")["QueueUrl"]
    template = {
        "Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "taken"}}}
    }
    deploys = cloud.client("cloudformation")
    deploys.create_stack(StackName="queues", TemplateBody=json.dumps(template))
    assert settled(cloud, "queues") == "ROLLBACK_COMPLETE"
    assert cloud.client("sqs").list_queues()["QueueUrls"] == [url]
    cloud.client("sqs").delete_queue(QueueUrl=url)
    deploys.delete_stack(StackName="queues")
    assert settled(cloud, "queues") == "GONE"
    deploys.create_stack(StackName="queues", TemplateBody=json.dumps(template))
    assert settled(cloud, "queues") == "CREATE_COMPLETE"


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


def take_back(cloud: Cloud, stack: str, template: Json) -> str:
    """As `cdk import` does it: a stack of what is mapped alone."""
    mapping = identifiers(template)
    name, deploys = place.Place("local").name(stack.lower()), cloud.client("cloudformation")
    imported = {id: template["Resources"][id] for id in mapping}
    deploys.create_change_set(
        StackName=name,
        ChangeSetName="import",
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": imported}),
        ResourcesToImport=[
            {
                "ResourceType": imported[id]["Type"],
                "LogicalResourceId": id,
                "ResourceIdentifier": identifier,
            }
            for id, identifier in mapping.items()
        ],
    )
    deploys.get_waiter("change_set_create_complete").wait(StackName=name, ChangeSetName="import")
    deploys.execute_change_set(StackName=name, ChangeSetName="import")
    return settled(cloud, name)


def deploy_again(cloud: Cloud, stack: str, template: Json) -> str:
    """As `make deploy` does it, over what was imported."""
    name, deploys = place.Place("local").name(stack.lower()), cloud.client("cloudformation")
    cloud.client("s3").put_object(Bucket="templates", Key=stack, Body=json.dumps(template))
    deploys.create_change_set(
        StackName=name,
        ChangeSetName="rest",
        ChangeSetType="UPDATE",
        ImportExistingResources=True,
        TemplateURL=f"https://s3.amazonaws.com/templates/{stack}",
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    deploys.get_waiter("change_set_create_complete").wait(StackName=name, ChangeSetName="rest")
    deploys.execute_change_set(StackName=name, ChangeSetName="rest")
    return settled(cloud, name)


@pytest.fixture
def destroyed(
    cloud: Cloud, templates: dict[str, Json], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A stage with an object and a model, destroyed; its key and its group."""
    for port in (encryption_keys, models):
        monkeypatch.setattr(port, "client", cloud.client)
    cloud.client("s3").create_bucket(Bucket="templates")
    cloud.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Type="String", Value="30"
    )
    for stack in ("Foundation", "Learning"):
        assert create(cloud, stack, templates[stack]) == "CREATE_COMPLETE"
    [raw] = [b for b in buckets(cloud) if "-raw-" in b]
    cloud.client("s3").put_object(Bucket=raw, Key="incoming/a", Body=b"a")
    group = place.Place("local").name()
    cloud.client("ecr").put_image(repositoryName=group, imageTag="content", imageManifest="{}")
    cloud.client("sagemaker").create_model_package(ModelPackageGroupName=group)
    key = encryption_keys.by_alias(f"alias/{group}-data")
    assert key is not None
    for stack in ("learning", "foundation"):
        name = place.Place("local").name(stack)
        cloud.client("cloudformation").delete_stack(StackName=name)
        assert settled(cloud, name) == "GONE"
    return {"key": key[0], "group": group, "raw": raw}


def test_a_stage_that_comes_back_reads_what_it_kept(
    cloud: Cloud, templates: dict[str, Json], destroyed: dict[str, str]
) -> None:
    """With the rights of its own roles: they may use the stage's key and no other."""
    foundation = templates["Foundation"]
    assert take_back(cloud, "Foundation", foundation) == "IMPORT_COMPLETE"
    assert deploy_again(cloud, "Foundation", foundation) == "UPDATE_COMPLETE"
    alias = f"alias/{destroyed['group']}-data"
    assert encryption_keys.by_alias(alias) == (destroyed["key"], "Enabled")
    found = cloud.client("cloudformation").list_exports()["Exports"]
    [key_arn] = {e["Value"] for e in found if "KeysData" in e["Name"] and ":key/" in e["Value"]}
    role = cloud.role("reader", "account", may("s3:GetObject"), may("kms:Decrypt", on=key_arn))
    reader = cloud.client("s3", cloud.assume(role))
    body = reader.get_object(Bucket=destroyed["raw"], Key="incoming/a")["Body"].read()
    assert body == b"a"
    [image] = cloud.client("ecr").list_images(repositoryName=destroyed["group"])["imageIds"]
    assert image["imageTag"] == "content"  # what a package of before names


def test_without_its_key_a_stage_could_not_read_what_it_kept(
    cloud: Cloud, templates: dict[str, Json], destroyed: dict[str, str]
) -> None:
    cloud.client("kms").delete_alias(AliasName=f"alias/{destroyed['group']}-data")
    new = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    role = cloud.role("reader", "account", may("s3:GetObject"), may("kms:Decrypt", on=new))
    with pytest.raises(ClientError, match="not authorized to perform: kms:Decrypt"):
        cloud.client("s3", cloud.assume(role)).get_object(Bucket=destroyed["raw"], Key="incoming/a")


def test_models_that_were_kept_come_back_with_their_stack(
    cloud: Cloud, templates: dict[str, Json], destroyed: dict[str, str]
) -> None:
    foundation, learning = templates["Foundation"], templates["Learning"]
    take_back(cloud, "Foundation", foundation)
    deploy_again(cloud, "Foundation", foundation)
    assert take_back(cloud, "Learning", learning) == "IMPORT_COMPLETE"
    assert deploy_again(cloud, "Learning", learning) == "UPDATE_COMPLETE"
    listed = cloud.client("sagemaker").list_model_packages(ModelPackageGroupName=destroyed["group"])
    assert len(listed["ModelPackageSummaryList"]) == 1


def test_a_key_that_waits_for_its_end_is_named(
    cloud: Cloud, templates: dict[str, Json], destroyed: dict[str, str]
) -> None:
    cloud.client("kms").schedule_key_deletion(KeyId=destroyed["key"])
    with pytest.raises(InputError, match="which is PendingDeletion: what is kept under it"):
        identifiers(templates["Foundation"])


def buckets(cloud: Cloud) -> list[str]:
    return [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
