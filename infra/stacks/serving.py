"""The stack that answers customers, and puts models into service."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.alarms import Alarm, Alarms
from infra.blocks.deployment import stack_properties
from infra.blocks.guardrails import api_alarm
from infra.blocks.idleness import idle_alarm, sleep_alarm
from infra.blocks.outages import outage_alarms
from infra.constructs.client import Client
from infra.constructs.firewall import Firewall
from infra.constructs.idle import IdleSleep
from infra.constructs.observations import ObservationDelivery
from infra.constructs.probe import Probe
from infra.constructs.ratings import TIMEOUT_SECONDS, Ratings
from infra.constructs.ratings_api import MODEL, RATE, WHOLE, RatingsApi
from infra.constructs.release import Release
from infra.platform import Platform
from lambdas.contract import outputs
from lambdas.contract.names import ASKING, PROBES
from lambdas.settings import ProbeSettings, RatingsSettings, ReleaseSettings


class ServingStack(cdk.Stack):
    """Signed requests in, stars out; a package in, a release or its reason out."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        models: s3.IBucket,
        observations: s3.IBucket,
        signing_key: kms.IKey,
    ) -> None:
        stage = platform.stage
        super().__init__(
            scope,
            id,
            description="Review Stars: the API and releases",
            **stack_properties(stage, id),
        )
        self.streams = streams = ObservationDelivery(
            self, "Observations", stage=stage, bucket=observations
        )
        self.ratings = Ratings(
            self,
            "Ratings",
            platform=platform,
            settings=RatingsSettings(
                stage=stage.label,
                endpoint_name=stage.name(),
                live_parameter=stage.live_parameter,
                predictions_stream=streams.predictions,
                feedback_stream=streams.feedback,
                capture_words=stage.api.capture_words,
                probe_roles=",".join(stage.role_name(role) for role in PROBES),
                asking_role=stage.role_name(ASKING),
            ),
            may_observe=[streams.may_send_predictions(), streams.may_send_feedback()],
        )
        api = RatingsApi(self, "Api", stage=stage, answer=self.ratings.answer.function)
        if stage.api.waf:
            Firewall(api, "Firewall", stage=stage, stage_arn=api.stage_arn)
        client = Client(self, "Client", stage=stage, calls=api.may_call(WHOLE))
        probe = Client(self, "Probe", stage=stage, calls=api.may_call(RATE, MODEL), name="probe")
        self.release = Release(
            self,
            "Release",
            platform=platform,
            settings=ReleaseSettings(
                stage=stage.label,
                endpoint_name=stage.name(),
                endpoint_stack=stage.stack_name("Endpoint"),
                live_parameter=stage.live_parameter,
                models_bucket=models.bucket_name,
                model_package_group=stage.name(),
                name_prefix=stage.name(),
                signing_key=signing_key.key_arn,
                signature=stage.learning.signature,
                api_id=api.rest.rest_api_id,
                api_stage=stage.label,
                alarm_names=",".join(stage.guardrails),
            ),
            models=models,
            signing_key=signing_key,
            may_ask=api.may_call(RATE),
        )
        self.probe = self._probe(platform, models, api) if stage.monitoring.probe_minutes else None
        for group, alarms in self._alarms(platform, models).items():
            topic = platform.alerts.arn
            Alarms(self, group, stage=stage, alert_topic_arn=topic, alarms=alarms)
        for key, value in (
            (outputs.API_ID, api.rest.rest_api_id),
            (outputs.API_STAGE, stage.label),
            (outputs.API_URL, api.url),
            (outputs.CLIENT_ROLE_ARN, client.role.role_arn),
            (outputs.PROBE_ROLE_ARN, probe.role.role_arn),
            (outputs.RELEASE_MACHINE_ARN, self.release.machine.arn),
            (outputs.ENDPOINT_ROLE_ARN, self.release.role.role_arn),
        ):
            cdk.CfnOutput(self, key, value=value)

    def _probe(self, platform: Platform, models: s3.IBucket, api: RatingsApi) -> Probe:
        stage = platform.stage
        return Probe(
            self,
            "Asking",
            platform=platform,
            settings=ProbeSettings(
                stage=stage.label,
                endpoint_name=stage.name(),
                live_parameter=stage.live_parameter,
                api_id=api.rest.rest_api_id,
                api_stage=stage.label,
                runtime=stage.python_version,
            ),
            role_name=stage.role_name(ASKING),
            models=models,
            may_ask=api.may_call(RATE),
        )

    def _alarms(self, platform: Platform, models: s3.IBucket) -> dict[str, list[Alarm]]:
        """By what they are for; a release waits for the guardrail."""
        outages = outage_alarms(
            platform.stage,
            function=self.ratings.answer.function,
            timeout_seconds=TIMEOUT_SECONDS,
            not_deployed=self.ratings.not_deployed(),
        )
        return {
            "Guardrail": [api_alarm(self.ratings.server_error_share())],
            "Idleness": self._idle_alarms(platform, models),
            "Outages": outages,
        }

    def _idle_alarms(self, platform: Platform, models: s3.IBucket) -> list[Alarm]:
        """An alarm where the stage wants one; and a machine that it starts."""
        stage = platform.stage
        alarms: list[Alarm] = []
        if stage.cost.idle_hours:
            alarms.append(idle_alarm(stage))
        if stage.cost.sleep_when_idle:
            idle = IdleSleep(
                self,
                "Idle",
                platform=platform,
                endpoint_role=self.release.role,
                models=models,
            )
            alarms += [
                sleep_alarm(idle.failed()),
                idle.dead_letters.alarm("SleepDeadLetters", "The idle alarm started nothing."),
            ]
        return alarms
