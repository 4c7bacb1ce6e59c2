"""The stack that owns the live model: tiny, so that a narrow role can update it."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra.blocks.alarms import Alarms
from infra.blocks.deployment import stack_properties
from infra.blocks.guardrails import endpoint_alarms
from infra.constructs.endpoint import Endpoint
from infra.constructs.scaling import Scaling
from infra.stage import Stage
from lambdas.contract import outputs


class EndpointStack(cdk.Stack):
    """Five parameters in, the endpoint and the live record out; no roles, no other stack's values.

    Without the bootstrap-version rule: an update with the previous template would have to read
    that parameter with the narrow role.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, alert_topic_arn: str) -> None:
        super().__init__(
            scope,
            id,
            description="Review Stars: the live model",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            **stack_properties(stage, id),
        )
        endpoint = Endpoint(self, "Endpoint", stage=stage).endpoint
        Scaling(self, "Instances", stage=stage, endpoint=endpoint)
        Alarms(
            self,
            "Guardrails",
            stage=stage,
            alert_topic_arn=alert_topic_arn,
            alarms=endpoint_alarms(stage),
        )
        cdk.CfnOutput(self, outputs.ENDPOINT_NAME, value=stage.name())
        cdk.CfnOutput(self, outputs.LIVE_PARAMETER, value=stage.live_parameter)
