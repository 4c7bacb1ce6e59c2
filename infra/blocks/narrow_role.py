"""The role that CloudFormation takes for a release: the Endpoint stack and nothing else."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.blocks.guardrails import VARIANT
from infra.blocks.statements import allow, may_pass
from infra.stage import Stage
from lambdas.contract.names import released_prefix

SCALED_SERVICE, SCALED_DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
LINKED_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
LINKED_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
CHANGES = (
    "DeleteScalingPolicy", "DeregisterScalableTarget", "PutScalingPolicy", "RegisterScalableTarget",
)  # fmt: skip
LOOKS = ("DescribeScalableTargets", "DescribeScalingPolicies")


class NarrowRole(Construct):
    """Creates, describes, updates, deletes and tags what the parameters change."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com")
        )
        for statement in (*_sagemaker(stage), *_around(stage), *_scaling(stage)):
            self.role.add_to_policy(statement)


def _sagemaker(stage: Stage) -> list[iam.PolicyStatement]:
    released = released_prefix(stage.name())
    model = stage.arn("sagemaker", f"model/{released}*")
    config = stage.arn("sagemaker", f"endpoint-config/{released}*")
    endpoint = stage.arn("sagemaker", f"endpoint/{stage.name()}")
    return [
        allow(_actions("Model", "Create", "Delete", "Describe"), model),
        allow(_actions("EndpointConfig", "Create", "Delete", "Describe"), config),
        # Both are authorized on the endpoint and on the configuration that it takes.
        allow(_actions("Endpoint", "Create", "Update"), endpoint, config),
        allow(_actions("Endpoint", "Delete", "Describe"), endpoint),
        allow(_actions("Tags", "Add", "Delete", "List"), model, config, endpoint),
    ]


def _around(stage: Stage) -> list[iam.PolicyStatement]:
    """The live record, the model's role, the guardrails."""
    record = ["ssm:AddTagsToResource", "ssm:GetParameters", "ssm:ListTagsForResource"]
    record += ["ssm:PutParameter", "ssm:RemoveTagsFromResource"]
    alarms = (stage.arn("cloudwatch", f"alarm:{name}") for name in stage.guardrails)
    return [
        allow(record, stage.arn("ssm", f"parameter{stage.live_parameter}")),
        *may_pass(stage.role_arn("model"), "sagemaker.amazonaws.com"),
        allow(["cloudwatch:DescribeAlarms"], *alarms),
    ]


def _scaling(stage: Stage) -> list[iam.PolicyStatement]:
    """Register the variant, where the stage scales; and what Application Auto Scaling does for it.

    The ids of targets are made at run time: the conditions bound them, and registering one takes
    the rights on its endpoint.
    """
    if not stage.endpoint.scales:
        return []
    targets = stage.arn("application-autoscaling", "scalable-target/*")
    ours = {
        "StringEquals": {
            "application-autoscaling:service-namespace": SCALED_SERVICE,
            "application-autoscaling:scalable-dimension": SCALED_DIMENSION,
        }
    }
    tracked = f"alarm:TargetTracking-endpoint/{stage.name()}/variant/{VARIANT}-*"
    linked = {"StringEquals": {"iam:AWSServiceName": LINKED_SERVICE}}
    linked_role = f"aws-service-role/{LINKED_SERVICE}/{LINKED_ROLE}"
    return [
        allow([f"application-autoscaling:{verb}" for verb in CHANGES], targets, conditions=ours),
        allow([f"application-autoscaling:{verb}" for verb in LOOKS], "*"),
        allow(
            ["sagemaker:UpdateEndpointWeightsAndCapacities"],
            stage.arn("sagemaker", f"endpoint/{stage.name()}"),
        ),
        allow(
            [f"cloudwatch:{verb}" for verb in ("DeleteAlarms", "DescribeAlarms", "PutMetricAlarm")],
            stage.arn("cloudwatch", tracked),
        ),
        allow(
            ["iam:CreateServiceLinkedRole"],
            f"arn:aws:iam::{stage.account}:role/{linked_role}",
            conditions=linked,
        ),
    ]


def _actions(kind: str, *verbs: str) -> list[str]:
    return [f"sagemaker:{verb}{kind}" for verb in verbs]
