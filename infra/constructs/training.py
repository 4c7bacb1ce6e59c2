"""The training pipeline, the group of its packages, and the roles of both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.blocks import tracking
from infra.blocks.network import jobs_may_join
from infra.blocks.statements import (
    allow,
    may_count_jobs,
    may_encrypt_outputs,
    may_encrypt_volume,
    may_list,
    may_log_jobs,
    may_not_approve,
    may_pass,
    may_read,
    may_use_key,
    may_write,
)
from infra.pipeline import pipeline
from infra.stage import Stage
from lambdas.contract import keys
from lambdas.contract.names import TRACK

RUNS, NO_CHAMPION = keys.anything(keys.RUNS), keys.anything(keys.NO_CHAMPION)
ROWS = (keys.anything(keys.REVIEWS), keys.anything(keys.DATASETS))
SAGEMAKER = "sagemaker.amazonaws.com"


class Training(Construct):
    """Everything between a dataset's manifest and a registered package."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        image_uri: str,
        may_pull: Sequence[iam.PolicyStatement],
        curated: s3.IBucket,
        models: s3.IBucket,
        sign_function: str,
        may_sign: Iterable[iam.PolicyStatement],
    ) -> None:
        """may_pull: the right to the image; sign_function: which signs what passed."""
        super().__init__(scope, id)
        self._stage = stage
        self._buckets = (curated, models)
        self._image_uri = image_uri
        self._may_pull = may_pull
        self._sign_function = sign_function
        self._may_sign = may_sign
        self.jobs = self._role("Jobs", self._jobs_may("TrainingJobs", "ProcessingJobs"))
        self.sender = self._role(  # the stack of the stage's own MLflow app knows it by its name
            "Sender",
            [*self._jobs_may("ProcessingJobs"), tracking.may_send_to_named(stage)],
            name=stage.role_name(TRACK),
        )
        self.role = self._role("Steps", self._pipeline_may())
        self.group = sagemaker.CfnModelPackageGroup(
            self,
            "Packages",
            model_package_group_name=stage.name(),
            model_package_group_description="Models that passed the gate, newest last",
        )
        if stage.protection.keep_packages:  # but not by a first deploy that failed
            self.group.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self.pipeline = self._pipeline()

    def _pipeline(self) -> sagemaker.CfnPipeline:
        curated, models = self._buckets
        resources = pipeline.Resources(
            image_uri=self._image_uri,
            role_arn=self.jobs.role_arn,
            tracking_role_arn=self.sender.role_arn,
            key_arn=_key_arn(models),
            curated_bucket=curated.bucket_name,
            models_bucket=models.bucket_name,
            model_package_group=self._stage.name(),
            tracking=tracking.environment(self._stage),
            sign_function=self._sign_function,
        )
        body = json.dumps(pipeline.definition(self._stage, resources))
        made = sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name=self._stage.name(),
            pipeline_description="Train, evaluate, track, sign and register what passes the gate",
            pipeline_definition={"PipelineDefinitionBody": body},
            role_arn=self.role.role_arn,
        )
        made.node.add_dependency(self.group, self.role, self.jobs, self.sender)
        return made

    def _role(
        self, id: str, may: Iterable[Iterable[iam.PolicyStatement]], name: str | None = None
    ) -> iam.Role:
        trusted = iam.ServicePrincipal(SAGEMAKER)
        role = iam.Role(self, id, assumed_by=trusted, role_name=name)
        for statement in (s for group in may for s in group):
            role.add_to_policy(statement)
        return role

    def _jobs_may(self, *logs: str) -> list[Iterable[iam.PolicyStatement]]:
        """What the program's jobs touch; each step reads and writes its own run."""
        curated, models = self._buckets
        return [
            may_list(curated, *ROWS),
            may_read(curated, *ROWS),
            may_list(models, RUNS, NO_CHAMPION),
            may_read(models, RUNS, NO_CHAMPION),
            may_write(models, RUNS, in_parts=True),
            may_encrypt_outputs(_key_arn(models)),
            may_encrypt_volume(_key_arn(models)),
            may_log_jobs(self._stage, *logs),
            may_count_jobs(*logs),
            jobs_may_join(self._stage),
            self._may_pull,
        ]

    def _pipeline_may(self) -> list[Iterable[iam.PolicyStatement]]:
        """Start and stop the jobs that Pipelines names `pipelines-...`, and register."""
        stage, (_, models) = self._stage, self._buckets
        group = stage.arn("sagemaker", f"model-package-group/{stage.name()}")
        packages = stage.arn("sagemaker", f"model-package/{stage.name()}/*")
        training = stage.arn("sagemaker", "training-job/pipelines-*")
        processing = stage.arn("sagemaker", "processing-job/pipelines-*")
        return [
            [
                allow(_job_actions("Training"), training),
                allow(_job_actions("Processing"), processing),
                allow(["sagemaker:AddTags"], training, processing, packages),
                allow(
                    ["sagemaker:CreateModelPackage"],
                    group,
                    packages,
                    conditions=may_not_approve(stage),
                ),
                allow(["sagemaker:DescribeModelPackage"], packages),
            ],
            self._may_sign,
            may_pass(self.jobs.role_arn, SAGEMAKER),
            may_pass(self.sender.role_arn, SAGEMAKER),
            may_read(models, RUNS),
            may_use_key(models.encryption_key, "kms:DescribeKey") if models.encryption_key else [],
        ]


def _job_actions(kind: str) -> list[str]:
    return [f"sagemaker:{verb}{kind}Job" for verb in ("Create", "Describe", "Stop")]


def _key_arn(bucket: s3.IBucket) -> str:
    if bucket.encryption_key is None:
        raise ValueError(f"{bucket.bucket_name} has no key of its own")
    return bucket.encryption_key.key_arn
