"""An endpoint that nobody asks costs as much as one that is asked: it goes to sleep by itself."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.dead_letters import DeadLetters
from infra.blocks.machine import Machine
from infra.blocks.statements import allow, may_pass, may_publish, may_write
from infra.machines import sleep
from infra.platform import Platform
from lambdas.contract import keys
from lambdas.contract.names import SLEEP

IDLE = "idle"  # the alarm's name, after the stage's prefix


class IdleSleep(Construct):
    """The alarm on an idle endpoint starts the Sleep machine.

    `wake` asks the golden set, so the alarm is quiet again and counts anew.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        endpoint_role: iam.IRole,
        models: s3.IBucket,
    ) -> None:
        """endpoint_role: the one with which CloudFormation updates the Endpoint stack."""
        super().__init__(scope, id)
        stage = platform.stage
        stack = stage.stack_name("Endpoint")
        narrow = {"StringEquals": {"cloudformation:RoleArn": endpoint_role.role_arn}}
        updated = stage.arn("cloudformation", f"stack/{stack}/*")
        record = stage.arn("ssm", f"parameter{stage.live_parameter}")
        self.machine = Machine(
            self,
            "Machine",
            stage=stage,
            name=SLEEP,
            definition=sleep.definition(
                sleep.SleepParts(
                    stack_name=stack,
                    role_arn=endpoint_role.role_arn,
                    live_parameter=stage.live_parameter,
                    models_bucket=models.bucket_name,
                    topic_arn=platform.alerts.arn,
                    subject=stage.name(),
                    idle_hours=stage.cost.idle_hours,
                )
            ),
            may=[
                [allow(["ssm:GetParameter"], record)],
                may_write(models, keys.anything(keys.RELEASES)),
                [allow(["cloudformation:UpdateStack"], updated, conditions=narrow)],
                may_pass(endpoint_role.role_arn, "cloudformation.amazonaws.com"),
                may_publish(platform.alerts),
            ],
        )
        self.dead_letters = DeadLetters(self, "DeadLetters", stage=stage, name="sleep-dead-letters")
        events.Rule(
            self,
            "Idle",
            rule_name=stage.name(IDLE),
            event_pattern=events.EventPattern(
                source=["aws.cloudwatch"],
                detail_type=["CloudWatch Alarm State Change"],
                resources=[stage.arn("cloudwatch", f"alarm:{stage.name(IDLE)}")],
                detail={"state": {"value": ["ALARM"]}},
            ),
            targets=[
                targets.SfnStateMachine(
                    self.machine.machine,
                    dead_letter_queue=self.dead_letters.queue,
                    input=events.RuleTargetInput.from_object({}),
                )
            ],
        )

    def failed(self) -> cloudwatch.Metric:
        """Idle endpoints that were not taken down."""
        return self.machine.executions("Failed")
