"""The stack that turns datasets into registered models."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.deployment import stack_properties
from infra.constructs.approver import Approver
from infra.constructs.batch import Batch
from infra.constructs.commit_record import CommitRecord
from infra.constructs.image import Image
from infra.constructs.learning import Learning
from infra.constructs.model_role import ModelRole
from infra.constructs.promoter import Promoter
from infra.constructs.signing import Signing
from infra.constructs.training import Training
from infra.platform import Platform
from infra.source import DeployedSource
from lambdas.contract import outputs
from lambdas.settings import LearnSettings


class LearningStack(cdk.Stack):
    """DatasetReady in; ReleaseRequested on the bus, or an alert with the reason."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        source: DeployedSource,
        curated: s3.IBucket,
        models: s3.IBucket,
        signing_key: kms.IKey,
    ) -> None:
        stage = platform.stage
        publisher = cdk.DefaultStackSynthesizer(image_assets_repository_name=stage.image_repository)
        super().__init__(
            scope,
            id,
            description="Review Stars: datasets to models",
            synthesizer=publisher,
            **stack_properties(stage, id),
        )
        # The stack has bound a copy of it, and jsii knows this one alone; both write into one
        # manifest. Delete when `Stack.synthesizer` in Python is the bound one.
        publisher.bind(self)
        image = Image(self, "Image", stage=stage, publisher=publisher)
        commits = CommitRecord(self, "Commit", stage=stage, source=source, publisher=publisher)
        settings = LearnSettings(
            stage=stage.label,
            curated_bucket=curated.bucket_name,
            models_bucket=models.bucket_name,
            pipeline_name=stage.name(),
            live_parameter=stage.live_parameter,
            model_package_group=stage.name(),
            configuration_digest=source.configuration_digest,
            image_uri=image.uri,
            commit_bucket=commits.bucket,
            commit_keys=",".join(commits.keys),
            program_digest=source.program_digest,
            tracks=bool(stage.learning.tracking_uri),
            tracking_parameter=stage.tracking_parameter if stage.has_own_tracking else "",
            signing_key=signing_key.key_arn,
        )
        signing = Signing(
            self,
            "Signing",
            platform=platform,
            settings=settings,
            models=models,
            key=signing_key,
        )
        training = Training(
            self,
            "Training",
            stage=stage,
            image_uri=image.uri,
            may_pull=image.may_pull(),
            curated=curated,
            models=models,
            sign_function=signing.function_arn,
            may_sign=signing.may_sign(),
        )
        ModelRole(self, "ModelRole", stage=stage, models=models, may_pull=image.may_pull())
        if stage.learning.approver_principals:
            approver = Approver(self, "Approver", stage=stage, models=models)
            cdk.CfnOutput(self, outputs.APPROVER_ROLE_ARN, value=approver.role.role_arn)
        if stage.learning.promoter_principals:
            promoter = Promoter(
                self,
                "Promoter",
                stage=stage,
                curated=curated,
                models=models,
                signing_key=signing_key,
                may_find_image=image.may_find(),
                may_sign=signing.may_sign(),
            )
            cdk.CfnOutput(self, outputs.PROMOTER_ROLE_ARN, value=promoter.role.role_arn)
        batch = Batch(
            self,
            "Batch",
            stage=stage,
            curated=curated,
            models=models,
            may_pull=image.may_pull(),
        )
        self.learning = Learning(
            self,
            "Learning",
            platform=platform,
            settings=settings,
            may_read_commit=commits.may_read(),
            curated=curated,
            models=models,
        )
        cdk.CfnOutput(self, outputs.BATCH_ROLE_ARN, value=batch.role.role_arn)
        cdk.CfnOutput(self, outputs.IMAGE_URI, value=image.uri)
        cdk.CfnOutput(self, outputs.JOB_INSTANCE_TYPE, value=stage.learning.instance_type)
        cdk.CfnOutput(self, outputs.LEARN_MACHINE_ARN, value=self.learning.machine.arn)
        cdk.CfnOutput(self, outputs.PIPELINE_NAME, value=training.pipeline.ref)
        cdk.CfnOutput(self, outputs.MODEL_PACKAGE_GROUP, value=stage.name())
        cdk.CfnOutput(self, outputs.SIGN_FUNCTION, value=signing.function_arn)
