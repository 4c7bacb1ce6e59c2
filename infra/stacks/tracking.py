"""The stack of the stage's MLflow app: deployed last, since everything works without it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.deployment import stack_properties
from infra.constructs.tracking_app import TrackingApp
from infra.stage import Stage


class TrackingStack(cdk.Stack):
    """An app that is refused, or takes its time, holds up nothing: no stack waits for this one."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, models: s3.IBucket) -> None:
        super().__init__(
            scope,
            id,
            description="Review Stars: where training runs are compared",
            **stack_properties(stage, id),
        )
        TrackingApp(self, "App", stage=stage, models=models)
