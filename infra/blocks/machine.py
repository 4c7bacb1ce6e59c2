"""One Step Functions machine with its own written role and its own log group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aws_cdk import Acknowledgment, RemovalPolicy, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.stage import Stage

MACHINE_LOGS = "/aws/vendedlogs/states"


class Machine(Construct):
    """A definition, which may do what its statements allow and write its own log.

    name: its physical name is `Stage.name(name)`, so that its ARN is known before it exists.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        name: str,
        definition: Mapping[str, Any],
        may: Iterable[Iterable[iam.PolicyStatement]],
    ) -> None:
        super().__init__(scope, id)
        self.arn = machine_arn(stage, name)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        for statement in (s for group in may for s in group):
            self.role.add_to_policy(statement)
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"{MACHINE_LOGS}/{stage.name(name)}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=stage.name(name),
            role=self.role,
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition)),
            logs=sfn.LogOptions(
                destination=log, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
        )
        for id in ("AwsSolutions-SF2", "Serverless-StepFunctionStateMachineXray"):
            Validations.of(self.machine).acknowledge(
                Acknowledgment(
                    id=id,
                    reason="every transition is logged with its data; a trace adds none to a batch "
                    "run",
                )
            )

    def executions(self, outcome: str = "Failed") -> cloudwatch.Metric:
        """How many runs ended so (`Failed`, `TimedOut`); locks no other stack."""
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=f"Executions{outcome}",
            dimensions_map={"StateMachineArn": self.arn},
            statistic="Sum",
        )


def machine_arn(stage: Stage, name: str) -> str:
    """The ARN of the stage's machine of this name."""
    return stage.arn("states", f"stateMachine:{stage.name(name)}")
