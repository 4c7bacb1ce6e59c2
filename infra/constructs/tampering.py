"""Whoever takes away what the stage stands on is told of at once: a key, or the trail."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.blocks.alarms import RUNBOOKS
from infra.blocks.dead_letters import DeadLetters
from infra.stage import Stage

SLUG = "tampering"  # the section of the runbooks, and the rules' names
KEY_CALLS = ["DisableKey", "ScheduleKeyDeletion"]
SIGNER_CALLS = ["PutKeyPolicy", "CreateGrant"]  # with which another could sign
TRAIL_CALLS = ["StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"]


class Tampering(Construct):
    """Calls that CloudTrail sees, to the alert topic; a trail of the account must log writes.

    A key that is disabled stops what it encrypts within minutes, and a trail that is stopped writes
    its last event: no metric would say either. Nor who may sign models from now on.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        alert_topic_arn: str,
        key_arns: list[str],
        signing_key_arn: str,
    ) -> None:
        """key_arns: of all keys, the one that signs among them."""
        super().__init__(scope, id)
        self._stage = stage
        self.rule_arns: list[str] = []
        # By its ARN: CDK would let every rule of EventBridge in, and the topic's policy has ours.
        topic = sns.Topic.from_topic_arn(self, "Topic", alert_topic_arn)
        self.dead_letters = DeadLetters(
            self, "DeadLetters", stage=stage, name=f"{SLUG}-dead-letters"
        )
        self._rule("Keys", topic, "kms", KEY_CALLS, {"resources": {"ARN": key_arns}})
        signer: dict[str, object] = {"resources": {"ARN": [signing_key_arn]}}
        self._rule("Signer", topic, "kms", SIGNER_CALLS, signer)
        if stage.audit.trail == "own":
            trail = stage.arn("cloudtrail", f"trail/{stage.name()}")
            named = {"requestParameters": {"name": [stage.name(), trail]}}
            selected = {"requestParameters": {"trailName": [stage.name(), trail]}}
            self._rule("Trail", topic, "cloudtrail", TRAIL_CALLS, {"$or": [named, selected]})

    def _rule(
        self, id: str, topic: sns.ITopic, service: str, calls: list[str], of: dict[str, object]
    ) -> None:
        name = self._stage.name(f"{SLUG}-{id.lower()}")
        self.rule_arns.append(self._stage.arn("events", f"rule/{name}"))
        said = events.EventField.from_path
        message = (
            f"{self._stage.name()}: {said('$.detail.eventName')} by "
            f"{said('$.detail.userIdentity.arn')}. What to do: {RUNBOOKS}#{SLUG}"
        )
        events.Rule(
            self,
            id,
            rule_name=name,
            event_pattern=events.EventPattern(
                source=[f"aws.{service}"],
                detail_type=["AWS API Call via CloudTrail"],
                detail={
                    "eventSource": [f"{service}.amazonaws.com"],
                    "eventName": calls,
                    "errorCode": [{"exists": False}],
                    **of,
                },
            ),
            targets=[
                targets.SnsTopic(
                    topic,
                    message=events.RuleTargetInput.from_text(message),
                    dead_letter_queue=self.dead_letters.queue,
                    max_event_age=Duration.hours(6),
                    retry_attempts=100,
                )
            ],
        )
