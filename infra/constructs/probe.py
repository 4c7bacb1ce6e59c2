"""The probe: every minute a function asks the API as a client does."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.alarms import Alarm, own_metric
from infra.blocks.function import Function
from infra.blocks.schedule import on_schedule
from infra.blocks.statements import allow, may_read, may_see_served
from infra.platform import Platform
from lambdas.contract import keys, metrics
from lambdas.settings import ProbeSettings

TIMEOUT_SECONDS = 55  # the last answer ends 26 s after the start; what is read, and a cold start
SLOW_MILLISECONDS = 3_000
MIN_CERTIFICATE_DAYS = 14  # AWS renews its own 60 days before their end
MIN_RUNTIME_DAYS = 90


class Probe(Construct):
    """One function on a schedule, whose role may ask for ratings and see what should answer.

    It asks also where the stage sleeps, and before the first release: there the right answer is
    503 `model_not_deployed`. So nothing switches it off, and nobody can forget to switch it on.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        settings: ProbeSettings,
        role_name: str,
        models: s3.IBucket,
        may_ask: iam.PolicyStatement,
    ) -> None:
        """may_ask: the right to ask the API for ratings."""
        super().__init__(scope, id)
        self._stage = stage = platform.stage
        live = stage.arn("ssm", f"parameter{stage.live_parameter}")
        made = stage.arn("sagemaker", f"model-package/{stage.name()}/*")
        self.ask = Function(
            self,
            "Ask",
            platform=platform,
            handler="lambdas.probe.ask.handler",
            environment=settings.to_env(),
            may=[
                [may_ask],
                may_see_served(stage),
                [
                    allow(["ssm:GetParameter"], live),
                    allow(["sagemaker:DescribeModelPackage"], made),
                ],
                may_read(models, keys.anything(keys.RUNS)),
            ],
            timeout_seconds=TIMEOUT_SECONDS,
            role_name=role_name,
        )
        # The next minute asks anew: what failed is not asked again beside it.
        self.ask.function.configure_async_invoke(
            retry_attempts=0, max_event_age=Duration.minutes(1)
        )
        Validations.of(self.ask.function).acknowledge(
            Acknowledgment(
                id="Serverless-LambdaAsyncFailureDestination",
                reason="a minute in which it failed has no metric, which rings",
            )
        )
        self.dead_letters = on_schedule(
            self,
            self.ask.function,
            events.Schedule.rate(Duration.minutes(stage.monitoring.probe_minutes)),
            stage=stage,
            name="probe",
            max_age=Duration.minutes(1),
        )

    def alarms(self) -> list[Alarm]:
        """What it sees. No data is bad of the first: then nobody knows whether the API answers."""
        minutes = self._stage.monitoring.probe_minutes
        # Where the last periods hold nothing, CloudWatch looks at periods farther back first, so
        # that "missing is bad" rings after four. Of FILL no period is missing: it rings after two,
        # and one that comes late is not enough.
        asked = cloudwatch.MathExpression(
            expression="FILL(asked, 0)",
            using_metrics={"asked": own_metric(self._stage, metrics.PROBE_SUCCESS, "SampleCount")},
            label="how often the probe was heard of",
        )
        # fmt: off
        return [
            Alarm("ProbeFailed", self._metric(metrics.PROBE_SUCCESS), minutes=minutes, under=1,
                  missing="bad", message="The API does not answer the probe, or wrongly."),
            Alarm("ProbeSilent", asked, minutes=minutes, under=1, times=2, missing="bad",
                  message="Nothing is heard of the probe."),
            Alarm("ProbeSlow", self._metric(metrics.PROBE_MILLISECONDS), minutes=minutes,
                  over=SLOW_MILLISECONDS, message="The API takes seconds to answer the probe."),
            self.dead_letters.alarm("ProbeDeadLetters", "The schedule cannot call the probe."),
            Alarm("CertificateEnds", self._metric(metrics.CERTIFICATE_DAYS), minutes=minutes,
                  under=MIN_CERTIFICATE_DAYS, message="The API's certificate ends in days."),
            Alarm("RuntimeEnds", self._metric(metrics.RUNTIME_DAYS), minutes=minutes,
                  under=MIN_RUNTIME_DAYS,
                  message="AWS soon stops to keep the functions' Python up to date."),
        ]
        # fmt: on

    def seen(self) -> list[cloudwatch.IMetric]:
        """How often it was answered rightly, of all, and how fast."""
        return [
            own_metric(self._stage, metrics.PROBE_SUCCESS, "Average"),
            own_metric(self._stage, metrics.PROBE_MILLISECONDS, "p95"),
        ]

    def _metric(self, name: str) -> cloudwatch.Metric:
        return own_metric(self._stage, name, "Minimum")
