"""A variant that scales: what a release keeps, what SageMaker refuses, what goes with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.sagemaker.hosting import endpoints
from tests.unit.local_cloud.conftest import Cloud, may, settled
from tests.unit.local_cloud.test_sagemaker_endpoints import AT_ONCE, Stage

pytestmark = pytest.mark.slow  # real processes, started and waited for

TARGET = "endpoint/stars/variant/main"
RIGHTS = (
    *(f"application-autoscaling:{verb}ScalableTarget" for verb in ("Register", "Deregister")),
    *(f"application-autoscaling:{verb}ScalingPolicy" for verb in ("Put", "Delete")),
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    *("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"),
    *("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "iam:CreateServiceLinkedRole"),
)


@pytest.fixture
def stage(cloud: Cloud) -> Stage:
    return Stage(cloud)


def template(low: int = 2, high: int = 6) -> str:
    """Target and policy as the Endpoint stack has them, with their switch."""
    target = {
        "ResourceId": TARGET,
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": low,
        "MaxCapacity": high,
    }
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    policy = {
        "PolicyName": "load",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": {
            "PredefinedMetricSpecification": metric,
            "TargetValue": 3000,
        },
    }
    kinds = {"Target": ("ScalableTarget", target), "Policy": ("ScalingPolicy", policy)}
    return json.dumps(
        {
            "Parameters": {"Scaling": {"Type": "String", "Default": "on"}},
            "Conditions": {"IsScaled": {"Fn::Equals": [{"Ref": "Scaling"}, "on"]}},
            "Resources": {
                "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}},
                **{
                    id: {
                        "Type": f"AWS::ApplicationAutoScaling::{kind}",
                        "Condition": "IsScaled",
                        "Properties": properties,
                    }
                    for id, (kind, properties) in kinds.items()
                },
            },
        }
    )


def register(cloud: Cloud, *rights: str, **bounds: int) -> str:
    role = cloud.role("narrow", "cloudformation", may("sns:*"), *(may(right) for right in rights))
    cloud.client("cloudformation").create_stack(
        StackName="scaled", RoleARN=role, TemplateBody=template(**bounds)
    )
    return settled(cloud, "scaled")


def switch(cloud: Cloud, value: str) -> str:
    cloud.client("cloudformation").update_stack(
        StackName="scaled",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Scaling", "ParameterValue": value}],
    )
    return settled(cloud, "scaled")


def resize(stage: Stage, count: int) -> None:
    """What Application Auto Scaling does under load."""
    stage.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="stars",
        DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": count}],
    )


def instances(stage: Stage) -> int:
    [variant] = stage.describe()["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"]
    return int(variant["DesiredInstanceCount"])


def release(stage: Stage, config: str, **more: Any) -> None:
    stage.sagemaker.update_endpoint(
        EndpointName="stars",
        EndpointConfigName=config,
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": AT_ONCE}},
        **more,
    )
    assert stage.settled()["EndpointConfigName"] == config


def test_a_release_keeps_the_instances_that_the_load_has_brought(stage: Stage) -> None:
    stage.create(stage.configure("one", instances=2))
    assert register(stage.cloud, *RIGHTS) == "CREATE_COMPLETE"
    resize(stage, 5)
    release(stage, stage.configure("two", instances=2), RetainAllVariantProperties=True)
    assert (stage.ask(), instances(stage)) == ("two", 5)
    assert TARGET in endpoints.scalable_targets()
    release(stage, stage.configure("three", instances=2))  # what a release did without
    assert instances(stage) == 2


def test_what_is_registered_bounds_the_instances_at_once(stage: Stage) -> None:
    stage.create(stage.configure("one", instances=1))
    register(stage.cloud, *RIGHTS, low=3)
    assert instances(stage) == 3


def test_another_instance_type_is_refused_until_scaling_is_switched_off(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    register(stage.cloud, *RIGHTS)
    other = stage.configure("two")
    variant = {**endpoints.models.config("two")["ProductionVariants"][0]}
    variant["InstanceType"] = "ml.m5.xlarge"
    stage.sagemaker.delete_endpoint_config(EndpointConfigName=other)
    stage.sagemaker.create_endpoint_config(EndpointConfigName=other, ProductionVariants=[variant])
    with pytest.raises(ClientError, match="Deregister it from automatic scaling first"):
        release(stage, other)
    assert stage.ask() == "one"
    assert switch(stage.cloud, "off") == "UPDATE_COMPLETE"
    assert endpoints.scalable_targets() == {}
    release(stage, other)
    assert switch(stage.cloud, "on") == "UPDATE_COMPLETE"
    assert endpoints.scalable_targets()[TARGET]["policies"].keys() == {"load"}


def test_an_endpoint_that_goes_leaves_no_target(stage: Stage) -> None:
    stage.create(stage.configure("one"))
    register(stage.cloud, *RIGHTS)
    stage.sagemaker.delete_endpoint(EndpointName="stars")
    endpoints.wait_until_gone("stars")
    assert endpoints.scalable_targets() == {}


@pytest.mark.parametrize("missing", [r for r in RIGHTS if "Delete" not in r and "Dereg" not in r])
def test_each_right_of_the_stack_s_role_is_asked_for(stage: Stage, missing: str) -> None:
    stage.create(stage.configure("one"))
    left = [right for right in RIGHTS if right != missing]
    assert register(stage.cloud, *left) == "ROLLBACK_COMPLETE"
    events = stage.cloud.client("cloudformation").describe_stack_events(StackName="scaled")
    reasons = [event.get("ResourceStatusReason", "") for event in events["StackEvents"]]
    assert any(f"is not authorized to perform: {missing}" in reason for reason in reasons)


def test_a_target_of_no_variant_is_refused(cloud: Cloud) -> None:
    assert register(cloud, *RIGHTS) == "ROLLBACK_COMPLETE"
    assert endpoints.scalable_targets() == {}
