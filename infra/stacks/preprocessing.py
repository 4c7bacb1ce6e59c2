"""The stack that turns raw reviews into datasets."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.deployment import stack_properties
from infra.constructs.preprocessing import Preprocessing
from infra.platform import Platform
from infra.source import DeployedSource
from lambdas.contract import outputs
from lambdas.settings import PreprocessSettings


class PreprocessingStack(cdk.Stack):
    """Raw bucket in, curated bucket out; DatasetReady on the bus."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        source: DeployedSource,
        raw: s3.IBucket,
        curated: s3.IBucket,
    ) -> None:
        stage = platform.stage
        super().__init__(
            scope,
            id,
            description="Review Stars: raw reviews to datasets",
            **stack_properties(stage, id),
        )
        self.preprocessing = Preprocessing(
            self,
            "Preprocessing",
            platform=platform,
            settings=PreprocessSettings(
                stage=stage.label,
                curated_bucket=curated.bucket_name,
                max_shard_bytes=stage.data.max_shard_bytes,
                languages=",".join(source.languages),
                detector=stage.data.detector,
                keep_columns=",".join(stage.data.keep_columns),
                code_version=platform.packages.digest("preprocess"),
            ),
            raw=raw,
            curated=curated,
        )
        cdk.CfnOutput(self, outputs.PREPROCESS_MACHINE_ARN, value=self.preprocessing.machine.arn)
