"""Instances that follow the load, by Application Auto Scaling.

It stands in the stack that owns the endpoint and comes and goes with it: asleep nothing is
registered, a wake registers anew. A release replaces the model and keeps the instances that the
load has brought (`RetainAllVariantProperties`). SageMaker refuses another instance type while the
variant is registered, so a parameter takes the registration away for a while.
"""

from __future__ import annotations

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, Fn
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.blocks.guardrails import VARIANT
from infra.blocks.narrow_role import SCALED_DIMENSION, SCALED_SERVICE
from infra.stage import Stage
from lambdas.contract.releases import OFF, ON, SCALING

# Out soon, in slowly: an instance takes minutes to come, and is paid by the second.
OUT_SECONDS, IN_SECONDS = 60, 600


class Scaling(Construct):
    """The switch in every stage; target and policy where it scales."""

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, endpoint: sagemaker.CfnEndpoint
    ) -> None:
        super().__init__(scope, id)
        switch = CfnParameter(
            self,
            SCALING,
            type="String",
            default=ON,
            allowed_values=[ON, OFF],
            description="Whether instances follow the load, where the stage lets them",
        )
        switch.override_logical_id(SCALING)
        # A stage that does not scale has no other use for it, and the machines send it to all.
        last = CfnOutput(self, "LastScaling", value=switch.value_as_string)
        last.override_logical_id("LastScaling")
        if stage.endpoint.scales and (has_model := endpoint.cfn_options.condition):
            is_on = Fn.condition_equals(switch.value_as_string, ON)
            # jsii's types do not know that a condition is an expression of one.
            both = Fn.condition_and(has_model, is_on)  # type: ignore[arg-type]
            is_scaled = CfnCondition(self, "IsScaled", expression=both)
            is_scaled.override_logical_id("IsScaled")
            self._follow_load(stage, endpoint, is_scaled)

    def _follow_load(
        self, stage: Stage, endpoint: sagemaker.CfnEndpoint, condition: CfnCondition
    ) -> None:
        wanted = stage.endpoint
        target = scaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace=SCALED_SERVICE,
            scalable_dimension=SCALED_DIMENSION,
            resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{VARIANT}",
            min_capacity=wanted.instance_count,
            max_capacity=wanted.max_instance_count,
        )
        policy = scaling.CfnScalingPolicy(
            self,
            "Policy",
            policy_name=stage.name("load"),
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration={
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
                "targetValue": wanted.invocations_per_instance,
                "scaleInCooldown": IN_SECONDS,
                "scaleOutCooldown": OUT_SECONDS,
            },
        )
        for made in (target, policy):
            made.cfn_options.condition = condition
