"""The Sleep machine by itself, with its role asked for everything that it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.machines import sleep
from lambdas.contract import keys, releases
from lambdas.contract.live import NONE
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, deploy_with, may, until

pytestmark = pytest.mark.slow
STACK, BUCKET, LIVE, PACKAGE = "endpoint", "models", "/stars/live", "the package that is live"
VALUES = {
    releases.MODEL_PACKAGE_ARN: PACKAGE,
    releases.RELEASE: "7",
    releases.ROLLOUT: "canary",
    releases.SCALING: "on",
}
MAY = {
    "ssm:GetParameter": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{LIVE}",
    "s3:PutObject": f"arn:aws:s3:::{BUCKET}/{keys.RELEASES}*",
    "cloudformation:UpdateStack": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/*",
    "iam:PassRole": f"arn:aws:iam::{ACCOUNT}:role/narrow",
    "sns:Publish": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts",
}


def stage(cloud: Cloud, live: str) -> sleep.SleepParts:
    """An endpoint's stack, what is live, a bucket and a topic; as the machine is given them."""
    cloud.client("s3").create_bucket(Bucket=BUCKET)
    cloud.client("ssm").put_parameter(Name=LIVE, Type="String", Value=live)
    topic = cloud.client("sns").create_topic(Name="alerts")["TopicArn"]
    narrow = cloud.role("narrow", "cloudformation", may("ssm:PutParameter"))
    served = f"served: ${{{releases.MODEL_PACKAGE_ARN}}}"
    assert deploy_with(cloud, STACK, VALUES, served) == "CREATE_COMPLETE"
    return sleep.SleepParts(
        stack_name=STACK,
        role_arn=narrow,
        live_parameter=LIVE,
        models_bucket=BUCKET,
        topic_arn=topic,
        subject="stars",
        idle_hours=72,
    )


def run(cloud: Cloud, parts: sleep.SleepParts, *, without: str = "") -> dict[str, Any]:
    """One execution to its end, by a role that may everything it needs but `without`."""
    statements = [may(action, on=arn) for action, arn in MAY.items() if action != without]
    role = cloud.role("machine", "states", *statements)
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(
        name="sleep", definition=json.dumps(sleep.definition(parts)), roleArn=role
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]

    def ended() -> Any:
        found = states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    found: dict[str, Any] = until(ended, 30)
    return found


def parameters(cloud: Cloud) -> dict[str, str]:
    [found] = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {p["ParameterKey"]: p["ParameterValue"] for p in found["Parameters"]}


def written(cloud: Cloud) -> list[str]:
    found = cloud.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return [one["Key"] for one in found]


def test_an_idle_endpoint_is_taken_down_and_written_down_so_that_wake_finds_it(
    cloud: Cloud, decisions: Callable[[], list[dict[str, Any]]]
) -> None:
    ended = run(cloud, stage(cloud, PACKAGE))
    assert ended["status"] == "SUCCEEDED", ended["cause"]
    assert parameters(cloud) == {**VALUES, releases.MODEL_PACKAGE_ARN: ""}
    [history, decision] = sorted(written(cloud), key=keys.DECISION.__eq__)
    assert history.startswith(keys.RELEASES)
    assert history.endswith(f"Z-{releases.SLEEP}.json")
    body = cloud.client("s3").get_object(Bucket=BUCKET, Key=decision)["Body"].read()
    found = json.loads(body)
    assert (found["command"], found["model_package_arn"]) == (releases.SLEEP, PACKAGE)
    asked = {d["action"] for d in decisions() if d["principal"].endswith("role/machine/states")}
    assert asked == set(MAY)


def test_where_nothing_is_live_nothing_is_done(cloud: Cloud) -> None:
    assert run(cloud, stage(cloud, NONE))["status"] == "SUCCEEDED"
    assert (parameters(cloud), written(cloud)) == (VALUES, [])


@pytest.mark.parametrize("without", ["ssm:GetParameter", "s3:PutObject", "iam:PassRole"])
def test_a_right_that_its_role_lacks_ends_it_before_anything_is_taken_down(
    cloud: Cloud, without: str
) -> None:
    ended = run(cloud, stage(cloud, PACKAGE), without=without)
    assert ended["status"] == "FAILED"
    assert f"not authorized to perform: {without}" in ended["cause"]
    assert parameters(cloud) == VALUES
