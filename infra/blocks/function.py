"""One Lambda function with its own role, its own log group and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Size, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.blocks.deployment import lambda_architecture, lambda_runtime
from infra.blocks.network import functions_may_join, of_functions
from infra.blocks.statements import allow
from infra.platform import Platform

FULL_CPU_MB = 1_769  # the memory at which Lambda gives one whole vCPU
MIN_DISK_MB = 512  # of /tmp, which Lambda gives to every function
# A version that was replaced still runs for executions that began with it; the function's deletion
# takes it along. One of a deploy that failed goes at once: Lambda publishes nothing twice.
KEPT_FOR_RUNNING = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
PINNED = "the stage pins the runtime that its packages are built for"
ACKNOWLEDGED = {
    "AwsSolutions-L1": PINNED,
    "Serverless-LambdaLatestVersion": PINNED,
    "Serverless-LambdaDLQ": "machines and the API wait for its answer and see its failure; what a "
    "rule starts is started again at the next hour, which takes the whole window, and its failure "
    "rings",
    "Serverless-LambdaTracing": "its log and metrics have the times of each request by its id; "
    "tracing takes rights on every resource",
}


class Function(Construct):
    """A handler of `lambdas/`, which may do what its statements allow and write its own log."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        handler: str,
        environment: Mapping[str, str],
        may: Iterable[Iterable[iam.PolicyStatement]] = (),
        timeout_seconds: int = 60,
        memory_mb: int = FULL_CPU_MB,
        disk_mb: int = MIN_DISK_MB,
        role_name: str | None = None,
        reserved_concurrency: int = 0,
    ) -> None:
        """handler: `lambdas.<package>.<module>.handler`; may: groups of statements; role_name:
        for a role that others know by its name."""
        super().__init__(scope, id)
        package = handler.split(".")[1]
        log = logs.LogGroup(
            self,
            "Log",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self.allow([allow(["logs:CreateLogStream", "logs:PutLogEvents"], log.log_group_arn)])
        self.allow(*may, functions_may_join(platform.stage))
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_runtime(platform.stage),
            architecture=lambda_architecture(platform.stage),
            code=platform.packages.code(package),
            handler=handler,
            role=self.role,
            log_group=log,
            environment=dict(environment),
            timeout=Duration.seconds(timeout_seconds),
            memory_size=memory_mb,
            ephemeral_storage_size=Size.mebibytes(disk_mb),
            reserved_concurrent_executions=reserved_concurrency or None,
            current_version_options=lambda_.VersionOptions(removal_policy=KEPT_FOR_RUNNING),
        )
        if network := of_functions(platform.stage):  # CDK's own type wants a VPC that it looks up
            made: lambda_.CfnFunction = self.function.node.default_child  # type: ignore[assignment]
            made.add_property_override("VpcConfig", network)
        for id, reason in ACKNOWLEDGED.items():
            Validations.of(self.function).acknowledge(Acknowledgment(id=id, reason=reason))

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return self.function.function_arn

    @property
    def published(self) -> str:
        """The ARN of the version that has this code and these settings, which never changes.

        A state machine that names it ends with the code it began with, whatever is deployed
        meanwhile.
        """
        return self.function.current_version.function_arn

    def allow(self, *statements: Iterable[iam.PolicyStatement]) -> None:
        """Add groups of statements, as the builders of `infra.blocks.statements` return them."""
        for statement in (s for group in statements for s in group):
            self.role.add_to_policy(statement)


def may_invoke(*functions: Function) -> list[iam.PolicyStatement]:
    """Call any published version of these functions: running executions name older ones."""
    return [allow(["lambda:InvokeFunction"], *(f"{function.arn}:*" for function in functions))]
