"""The role under which SageMaker runs the live model."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.guardrails import ENDPOINT_LOGS
from infra.blocks.network import jobs_may_join
from infra.blocks.statements import allow, may_count, may_read
from infra.stage import Stage
from lambdas.contract import keys

LOG_ACTIONS = ("CreateLogStream", "DescribeLogStreams", "PutLogEvents")


class ModelRole(Construct):
    """Known by its name: the Endpoint stack, which uses it, holds no role of its own.

    It may not make the endpoint's log: the log is here, with our key and an end, before any model.
    """

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
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"{ENDPOINT_LOGS}/{stage.name()}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        for statement in (
            *may_read(models, keys.anything(keys.RUNS)),
            *may_pull,
            *jobs_may_join(stage),
            allow(["cloudwatch:DescribeAlarms"], *alarms),
            allow([f"logs:{action}" for action in LOG_ACTIONS], log.log_group_arn),
            *may_count(ENDPOINT_LOGS),  # processor and memory of the instances
        ):
            role.add_to_policy(statement)
