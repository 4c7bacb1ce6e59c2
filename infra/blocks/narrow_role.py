"""The role that CloudFormation takes for a release: the Endpoint stack and nothing else."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.blocks.statements import allow, may_pass
from infra.stage import Stage


class NarrowRole(Construct):
    """Creates, describes, updates, deletes and tags what the three parameters change."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com")
        )
        for statement in (*_sagemaker(stage), *_around(stage)):
            self.role.add_to_policy(statement)


def _sagemaker(stage: Stage) -> list[iam.PolicyStatement]:
    model = stage.arn("sagemaker", f"model/{stage.name()}-*")
    config = stage.arn("sagemaker", f"endpoint-config/{stage.name()}-*")
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


def _actions(kind: str, *verbs: str) -> list[str]:
    return [f"sagemaker:{verb}{kind}" for verb in verbs]
