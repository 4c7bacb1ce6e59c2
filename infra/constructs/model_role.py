"""The role under which SageMaker runs the live model."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.statements import allow, may_read
from infra.stage import Stage
from lambdas.contract import keys

LOG_ACTIONS = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")


class ModelRole(Construct):
    """Known by its name: the Endpoint stack, which uses it, holds no role of its own."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        models: s3.IBucket,
        may_pull: Iterable[iam.PolicyStatement],
    ) -> None:
        """may_pull: the right to the training image."""
        super().__init__(scope, id)
        role = iam.Role(
            self,
            "Role",
            role_name=stage.role_name("model"),
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
        )
        alarms = (stage.arn("cloudwatch", f"alarm:{name}") for name in stage.guardrails)
        log = stage.arn("logs", f"log-group:/aws/sagemaker/Endpoints/{stage.name()}")
        for statement in (
            *may_read(models, keys.anything(keys.RUNS)),
            *may_pull,
            allow(["cloudwatch:DescribeAlarms"], *alarms),
            allow([f"logs:{action}" for action in LOG_ACTIONS], f"{log}:*"),
            _may_measure(),
        ):
            role.add_to_policy(statement)


def _may_measure() -> iam.PolicyStatement:
    """Processor and memory of the instances, which SageMaker writes with the model's role."""
    namespace = {"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Endpoints"}}
    return allow(["cloudwatch:PutMetricData"], "*", conditions=namespace)
