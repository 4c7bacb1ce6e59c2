"""The stack that turns datasets into registered models."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.deployment import stack_properties
from infra.constructs.batch import Batch
from infra.constructs.learning import Learning
from infra.constructs.model_role import ModelRole
from infra.constructs.training import Training
from infra.packaging.packages import Packages
from infra.source import Source
from infra.stage import Stage
from lambdas.contract import outputs
from lambdas.settings import LearnSettings


class LearningStack(cdk.Stack):
    """DatasetReady in; ReleaseRequested on the bus, or an alert with the reason."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        packages: Packages,
        source: Source,
        curated: s3.IBucket,
        models: s3.IBucket,
        alert_topic_arn: str,
        alerts_key: kms.IKey,
    ) -> None:
        super().__init__(
            scope, id, description="Review Stars: datasets to models", **stack_properties(stage, id)
        )
        training = Training(self, "Training", stage=stage, curated=curated, models=models)
        ModelRole(self, "ModelRole", stage=stage, models=models, may_pull=training.image.may_pull())
        batch = Batch(
            self,
            "Batch",
            stage=stage,
            curated=curated,
            models=models,
            may_pull=training.image.may_pull(),
        )
        self.learning = Learning(
            self,
            "Learning",
            stage=stage,
            packages=packages,
            settings=LearnSettings(
                stage=stage.label,
                curated_bucket=curated.bucket_name,
                models_bucket=models.bucket_name,
                pipeline_name=stage.name(),
                live_parameter=stage.live_parameter,
                model_package_group=stage.name(),
                configuration_digest=source.configuration_digest,
                image_uri=training.image.uri,
                git_commit=source.commit,
            ),
            curated=curated,
            models=models,
            alert_topic_arn=alert_topic_arn,
            alerts_key=alerts_key,
        )
        self.image = training.image
        cdk.CfnOutput(self, outputs.BATCH_ROLE_ARN, value=batch.role.role_arn)
        cdk.CfnOutput(self, outputs.IMAGE_URI, value=training.image.uri)
        cdk.CfnOutput(self, outputs.JOB_INSTANCE_TYPE, value=stage.learning.instance_type)
        cdk.CfnOutput(self, outputs.LEARN_MACHINE_ARN, value=self.learning.machine.arn)
        cdk.CfnOutput(self, outputs.PIPELINE_NAME, value=training.pipeline.ref)
        cdk.CfnOutput(self, outputs.MODEL_PACKAGE_GROUP, value=stage.name())
