"""The role of batch predictions: reviews in, predictions out, nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.statements import (
    may_count_jobs,
    may_encrypt_outputs,
    may_list,
    may_log_jobs,
    may_read,
    may_use_key,
    may_write,
)
from infra.stage import Stage
from lambdas.contract import keys

INPUTS = (
    keys.anything(keys.PREDICT),
    keys.anything(keys.REVIEWS),
)  # raw files to be answered; what was curated to learn from
OUTPUTS = keys.anything(keys.PREDICTIONS)
MODELS = keys.anything(keys.RUNS)


class Batch(Construct):
    """For Processing jobs that a person starts: `make predict`."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        curated: s3.IBucket,
        models: s3.IBucket,
        may_pull: Iterable[iam.PolicyStatement],
    ) -> None:
        """may_pull: the right to the training image."""
        super().__init__(scope, id)
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")
        )
        key = curated.encryption_key
        for statement in (
            *may_list(curated, *INPUTS, OUTPUTS),
            *may_read(curated, *INPUTS, OUTPUTS),
            *may_write(curated, OUTPUTS, in_parts=True),
            *may_list(models, MODELS),
            *may_read(models, MODELS),
            *(may_encrypt_outputs(key.key_arn) if key else []),
            *(may_use_key(key, "kms:DescribeKey") if key else []),
            *may_log_jobs(stage, "ProcessingJobs"),
            *may_count_jobs("ProcessingJobs"),
            *may_pull,
        ):
            self.role.add_to_policy(statement)
