"""What everything else stands on: keys, buckets, images, the alert topic, the audit trail."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.deployment import stack_properties
from infra.constructs.alerts import Alerts
from infra.constructs.audit import Audit
from infra.constructs.buckets import Buckets
from infra.constructs.image_repository import ImageRepository
from infra.constructs.keys import Keys
from infra.constructs.tampering import Tampering
from infra.stage import Stage
from lambdas.contract import outputs


class FoundationStack(cdk.Stack):
    """Hands out buckets and the topic by their names, which `Stage` knows, so that no later
    stack locks this one; only the keys are references."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(
            scope,
            id,
            description="Review Stars: keys, buckets, images, alerts, audit",
            **stack_properties(stage, id),
        )
        keys = self._keys = Keys(self, "Keys", stage=stage)
        buckets = Buckets(self, "Buckets", stage=stage, key=keys.data)
        alerts = self._alerts = Alerts(self, "Alerts", stage=stage, key=keys.alerts)
        if stage.audit.trail == "own":
            Audit(
                self,
                "Audit",
                stage=stage,
                store=buckets.add("Audit", kept_days=stage.data.audit_days),
                key=keys.data,
                watched=[buckets.raw, buckets.models],
            )
        self.data_key: kms.IKey = keys.data
        self.alerts_key: kms.IKey = keys.alerts
        self.signing_key: kms.IKey = keys.signing
        self.alert_topic_arn = stage.arn("sns", stage.name("alerts"))
        if stage.builds_image:
            ImageRepository(self, "Images", stage=stage, key=keys.data)
        self.tampering = Tampering(
            self,
            "Tampering",
            stage=stage,
            alert_topic_arn=self.alert_topic_arn,
            key_arns=[keys.data.key_arn, keys.alerts.key_arn, keys.signing.key_arn],
            signing_key_arn=keys.signing.key_arn,
        )
        alerts.let_rules_in(self.tampering.rule_arns)
        keys.let_rules_in()
        self.tampering.node.add_dependency(alerts)
        self.raw, self.curated, self.models, self.observations = (
            self._by_name(stage, name) for name in ("Raw", "Curated", "Models", "Observations")
        )
        for name, bucket in (
            (outputs.RAW_BUCKET, buckets.raw),
            (outputs.CURATED_BUCKET, buckets.curated),
            (outputs.MODELS_BUCKET, buckets.models),
            (outputs.OBSERVATIONS_BUCKET, buckets.observations),
        ):
            cdk.CfnOutput(self, name, value=bucket.bucket_name)
        cdk.CfnOutput(self, outputs.ALERT_TOPIC_ARN, value=alerts.topic.topic_arn)
        if alerts.inbox:
            cdk.CfnOutput(self, outputs.INBOX_URL, value=alerts.inbox.queue_url)

    def let_alarms_in(self, arns: Sequence[str]) -> None:
        """Every alarm of the stage may publish, and none of a stage whose name begins with ours."""
        self._alerts.let_alarms_in(arns)
        self._keys.let_alarms_in(arns)

    def _by_name(self, stage: Stage, name: str) -> s3.IBucket:
        return s3.Bucket.from_bucket_attributes(
            self,
            f"{name}ByName",
            bucket_name=stage.bucket_name(name.lower()),
            bucket_arn=f"arn:aws:s3:::{stage.bucket_name(name.lower())}",
            encryption_key=self.data_key,
        )
