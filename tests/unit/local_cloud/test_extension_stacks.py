"""CloudFormation acts under the role of the stack."""

from __future__ import annotations

import json

from tests.unit.local_cloud.conftest import (
    ACCOUNT,
    REGION,
    Cloud,
    deploy,
    may,
    settled,
)

HERE = f"{REGION}:{ACCOUNT}"


def test_a_stack_under_a_role_that_may_not_is_refused_and_goes_back(cloud: Cloud) -> None:
    parameter = {"Name": "/stars/live", "Type": "String", "Value": "none"}
    role = cloud.role("narrow", "cloudformation", may("ssm:GetParameters"))
    cloud.client("cloudformation").create_stack(
        StackName="live",
        RoleARN=role,
        TemplateBody=json.dumps(
            {"Resources": {"Live": {"Type": "AWS::SSM::Parameter", "Properties": parameter}}}
        ),
    )
    assert settled(cloud, "live") == "ROLLBACK_COMPLETE"
    events = cloud.client("cloudformation").describe_stack_events(StackName="live")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("is not authorized to perform: ssm:PutParameter" in text for text in reasons)


def test_a_stack_names_the_role_of_its_last_change_and_another_stack_names_none(
    cloud: Cloud,
) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
    deploy(cloud, "bare", Topic=topic)
    cloudformation = cloud.client("cloudformation")
    role = cloud.role("narrow", "cloudformation", may("sns:*"))
    template = json.dumps({"Resources": {"Topic": topic}, "Description": "changed"})
    cloudformation.create_stack(StackName="roled", RoleARN=role, TemplateBody=template)
    settled(cloud, "roled")
    found = {item["StackName"]: item for item in cloudformation.describe_stacks()["Stacks"]}
    assert found["roled"]["RoleARN"] == role
    assert "RoleARN" not in found["bare"]


def test_a_new_stack_has_not_the_role_of_a_former_one_of_its_name(cloud: Cloud) -> None:
    role = cloud.role("narrow", "cloudformation", may("sns:*"))
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
    cloudformation = cloud.client("cloudformation")
    template = json.dumps({"Resources": {"Topic": topic}})
    cloudformation.create_stack(StackName="twice", RoleARN=role, TemplateBody=template)
    assert settled(cloud, "twice") == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName="twice")
    assert settled(cloud, "twice") in ("DELETE_COMPLETE", "GONE")
    cloud.client("iam").delete_role_policy(RoleName="narrow", PolicyName="may")
    cloud.client("iam").delete_role(RoleName="narrow")
    assert deploy(cloud, "twice", Topic=topic) == "CREATE_COMPLETE"
    [found] = cloudformation.describe_stacks(StackName="twice")["Stacks"]
    assert "RoleARN" not in found
