"""The Release machine: what starts it, its functions, and the narrow role that it lends."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.dead_letters import DeadLetters
from infra.blocks.function import Function, may_invoke
from infra.blocks.machine import Machine
from infra.blocks.narrow_role import NarrowRole
from infra.blocks.statements import (
    allow,
    may_pass,
    may_publish,
    may_read,
    may_see_served,
    may_use_key,
    may_write,
)
from infra.machines import release
from infra.machines.release_states import ReleaseParts
from infra.platform import Platform
from lambdas.contract import keys, packages
from lambdas.contract.events import RELEASE_REQUESTED
from lambdas.contract.names import RELEASE, released_prefix
from lambdas.settings import ReleaseSettings

GOLDEN_SECONDS = 240  # five tries of 30 s, and the waits between them
CLOUDFORMATION = "cloudformation.amazonaws.com"


class Release(Construct):
    """Started by an approval, by ReleaseRequested, or by a person with `model_package_arn`."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        settings: ReleaseSettings,
        models: s3.IBucket,
        signing_key: kms.IKey,
        may_ask: iam.PolicyStatement,
    ) -> None:
        """may_ask: the right to ask the API for ratings."""
        super().__init__(scope, id)
        stage = platform.stage
        self._stage = stage
        self._platform = platform
        self._environment = settings.to_env()
        runs = keys.anything(keys.RUNS)
        self.validate = self._function(
            "validate",
            [
                self._may_see_stage(),
                may_see_served(stage),
                may_read(models, runs),
                may_use_key(signing_key, "kms:GetPublicKey", "kms:Verify"),
            ],
        )
        self.verify = self._function("verify", [may_see_served(stage), self._may_see_stack()])
        self.golden = self._function(
            "golden",
            [[may_ask, self._may_see_package()], may_read(models, runs)],
            timeout_seconds=GOLDEN_SECONDS,
            role_name=stage.role_name("golden"),
        )
        self.record = self._function(
            "record",
            [
                may_write(models, keys.anything(keys.RELEASES)),
                may_read(models, keys.DECISION),
                [*self._may_sweep(), self._may_describe_stack()],
            ],
        )
        self.role = NarrowRole(self, "Endpoint", stage=stage).role
        self.machine = self._machine()
        self.dead_letters = DeadLetters(
            self, "DeadLetters", stage=stage, name="release-dead-letters"
        )
        self._started_by()

    def _function(
        self,
        name: str,
        may: list[list[iam.PolicyStatement]],
        *,
        timeout_seconds: int = 60,
        role_name: str | None = None,
    ) -> Function:
        return Function(
            self,
            name.title(),
            platform=self._platform,
            handler=f"lambdas.release.{name}.handler",
            environment=self._environment,
            may=may,
            timeout_seconds=timeout_seconds,
            role_name=role_name,
        )

    def _machine(self) -> Machine:
        functions = (self.validate, self.verify, self.golden, self.record)
        validate, verify, golden, record = (function.published for function in functions)
        parts = ReleaseParts(
            stack_name=self._stage.stack_name("Endpoint"),
            role_arn=self.role.role_arn,
            validate=validate,
            verify=verify,
            golden=golden,
            record=record,
            topic_arn=self._platform.alerts.arn,
            subject=self._stage.name(),
        )
        return Machine(
            self,
            "Machine",
            stage=self._stage,
            name=RELEASE,
            definition=release.definition(parts),
            may=[
                may_invoke(*functions),
                may_publish(self._platform.alerts),
                self._may_update(),
            ],
        )

    def _may_update(self) -> list[iam.PolicyStatement]:
        """Update the one stack, only with the narrow role: else CloudFormation takes the last."""
        narrow = {"StringEquals": {"cloudformation:RoleArn": self.role.role_arn}}
        return [
            allow(["cloudformation:UpdateStack"], self._stack(), conditions=narrow),
            self._may_describe_stack(),
            *may_pass(self.role.role_arn, CLOUDFORMATION),
        ]

    def _may_see_stage(self) -> list[iam.PolicyStatement]:
        """The package, the live record, the stack's status, whether a guardrail is in alarm."""
        stage = self._stage
        alarms = (stage.arn("cloudwatch", f"alarm:{name}") for name in stage.guardrails)
        return [
            self._may_see_package(),
            allow(["ssm:GetParameter"], stage.arn("ssm", f"parameter{stage.live_parameter}")),
            allow(["cloudwatch:DescribeAlarms"], *alarms),
            self._may_describe_stack(),
        ]

    def _may_describe_stack(self) -> iam.PolicyStatement:
        """Its status, and which package it asks for."""
        return allow(["cloudformation:DescribeStacks"], self._stack())

    def _may_see_stack(self) -> list[iam.PolicyStatement]:
        """Why an update went back."""
        return [allow(["cloudformation:DescribeStackEvents"], self._stack())]

    def _may_see_package(self) -> iam.PolicyStatement:
        packages = self._stage.arn("sagemaker", f"model-package/{self._stage.name()}/*")
        return allow(["sagemaker:DescribeModelPackage"], packages)

    def _may_sweep(self) -> list[iam.PolicyStatement]:
        """Delete what serves nobody; listing takes no resource."""
        return [
            allow(["sagemaker:ListEndpointConfigs", "sagemaker:ListModels"], "*"),
            allow(["sagemaker:DeleteEndpointConfig"], self._of("endpoint-config")),
            allow(["sagemaker:DeleteModel"], self._of("model")),
        ]

    def _of(self, kind: str) -> str:
        return self._stage.arn("sagemaker", f"{kind}/{released_prefix(self._stage.name())}*")

    def _stack(self) -> str:
        name = self._stage.stack_name("Endpoint")
        return self._stage.arn("cloudformation", f"stack/{name}/*")

    def _started_by(self) -> None:
        """An approval, and our own request where the gate approves."""
        # Only where the approval itself has changed: an edit of an old package releases nothing.
        self._rule(
            "Approved",
            events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [self._stage.name()],
                    "ModelApprovalStatus": [packages.APPROVED],
                    "UpdatedModelPackageFields": ["ModelApprovalStatus"],
                },
            ),
            "$.detail.ModelPackageArn",
        )
        self._rule(
            "Requested",
            events.EventPattern(source=[self._stage.event_source], detail_type=[RELEASE_REQUESTED]),
            "$.detail.model_package_arn",
        )

    def _rule(self, id: str, pattern: events.EventPattern, package: str) -> None:
        started = targets.SfnStateMachine(
            self.machine.machine,
            dead_letter_queue=self.dead_letters.queue,
            input=events.RuleTargetInput.from_object(
                {"model_package_arn": events.EventField.from_path(package)}
            ),
        )
        events.Rule(
            self,
            id,
            rule_name=self._stage.name(f"release-{id.lower()}"),
            event_pattern=pattern,
            targets=[started],
        )

    def failed(self) -> cloudwatch.Metric:
        """Releases that did not go out, refused ones too."""
        return self.machine.executions("Failed")

    def stuck(self) -> cloudwatch.Metric:
        """Releases that found no end."""
        return self.machine.executions("TimedOut")
