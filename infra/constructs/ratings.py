"""The function that answers the API."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.blocks.alarms import own_metric
from infra.blocks.function import Function
from infra.blocks.statements import allow
from infra.platform import Platform
from lambdas.contract.metrics import MODEL_ERRORS, NOT_DEPLOYED, OBSERVATIONS_DROPPED, SERVER_ERRORS
from lambdas.settings import RatingsSettings

TIMEOUT_SECONDS = 29  # the gateway waits no longer


class Ratings(Construct):
    """Parse, ask the endpoint, answer, hand the observation over."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        settings: RatingsSettings,
        may_observe: Iterable[iam.PolicyStatement],
    ) -> None:
        """may_observe: the right to the two streams."""
        super().__init__(scope, id)
        self._stage = platform.stage
        self.answer = Function(
            self,
            "Answer",
            platform=platform,
            handler="lambdas.ratings.rate.handler",
            environment=settings.to_env(),
            may=[self._may_ask(), may_observe],
            timeout_seconds=TIMEOUT_SECONDS,
            reserved_concurrency=platform.stage.api.reserved_concurrency,
        )

    def _may_ask(self) -> list[iam.PolicyStatement]:
        stage = self._stage
        endpoint = stage.arn("sagemaker", f"endpoint/{stage.name()}")
        return [
            allow(["sagemaker:InvokeEndpoint"], endpoint),
            allow(["ssm:GetParameter"], stage.arn("ssm", f"parameter{stage.live_parameter}")),
        ]

    def server_error_share(self) -> cloudwatch.Metric:
        """Answers of 5xx, of all (0 to 1); 503 where no model is deployed counts as none."""
        return own_metric(self._stage, SERVER_ERRORS, "Average")

    def not_deployed(self) -> cloudwatch.Metric:
        """Answers that no model is released: 503, and nothing is wrong."""
        return own_metric(self._stage, NOT_DEPLOYED, "Sum")

    def model_errors(self) -> cloudwatch.Metric:
        """Requests on which the model failed."""
        return own_metric(self._stage, MODEL_ERRORS, "Sum")

    def dropped_observations(self) -> cloudwatch.Metric:
        """Share of observations that no stream took (0 to 1); their predictions were answered."""
        return own_metric(self._stage, OBSERVATIONS_DROPPED, "Average")
