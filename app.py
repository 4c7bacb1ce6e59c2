"""Composition root: reads a stage, builds its stacks, hands each only what it needs."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import msgspec
from aws_cdk import aws_logs as logs
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from infra.acknowledged import acknowledge_stars
from infra.packaging.packages import Packages
from infra.source import Source
from infra.stacks.endpoint import EndpointStack
from infra.stacks.foundation import FoundationStack
from infra.stacks.learning import LearningStack
from infra.stacks.operations import OperationsStack, Signals
from infra.stacks.preprocessing import PreprocessingStack
from infra.stacks.serving import ServingStack
from infra.stage import Stage

HERE = Path(__file__).resolve().parent


def compose(app: cdk.App, stage: Stage, packages: Packages, source: Source) -> None:
    """Build every stack of a stage, in the order in which they are deployed."""
    foundation = FoundationStack(app, "Foundation", stage=stage)
    common: dict[str, Any] = {"stage": stage, "packages": packages}
    alerts: dict[str, Any] = {
        "alert_topic_arn": foundation.alert_topic_arn,
        "alerts_key": foundation.alerts_key,
    }
    preprocessing = PreprocessingStack(
        app,
        "Preprocessing",
        source=source,
        raw=foundation.raw,
        curated=foundation.curated,
        **common,
        **alerts,
    )
    learning = LearningStack(
        app,
        "Learning",
        source=source,
        curated=foundation.curated,
        models=foundation.models,
        **common,
        **alerts,
    )
    endpoint = EndpointStack(
        app, "Endpoint", stage=stage, alert_topic_arn=foundation.alert_topic_arn
    )
    serving = ServingStack(
        app,
        "Serving",
        models=foundation.models,
        observations=foundation.observations,
        **common,
        **alerts,
    )
    operations = OperationsStack(
        app,
        "Operations",
        drift=drift(),
        signals=Signals(
            preprocessing_failed=preprocessing.preprocessing.failed(),
            arrivals_lost=preprocessing.preprocessing.events_lost(),
            rejected_share=preprocessing.preprocessing.rejected_share(),
            learning_failed=learning.learning.failed(),
            datasets_lost=learning.learning.events_lost(),
            release_failed=serving.release.failed(),
            release_stuck=serving.release.stuck(),
            releases_lost=serving.release.lost.waiting(),
            model_errors=serving.ratings.model_errors(),
            dropped_observations=serving.ratings.dropped_observations(),
            server_error_share=serving.ratings.server_error_share(),
        ),
        models=foundation.models,
        observations=foundation.observations,
        **common,
        **alerts,
    )
    in_order(foundation, preprocessing, learning, endpoint, serving, operations)
    nodes = app.node.find_all()
    encrypt_logs(nodes, foundation.data_key.key_arn)
    acknowledge_stars(nodes)


def encrypt_logs(nodes: list[IConstruct], key_arn: str) -> None:
    """Every log group under our own key, whoever made it."""
    for node in nodes:
        if isinstance(node, logs.CfnLogGroup):
            node.kms_key_id = key_arn


def in_order(*stacks: cdk.Stack) -> None:
    """Deploy each after the one before it: most know each other by name alone."""
    for earlier, later in pairwise(stacks):
        later.add_stack_dependency(earlier)


def drift() -> dict[str, Any]:
    """When a window counts as drifted."""
    content: dict[str, Any] = msgspec.yaml.decode((HERE / "configs" / "drift.yaml").read_bytes())
    return content


def flags() -> dict[str, Any]:
    """The feature flags of cdk.json, which only the CDK CLI hands over by itself."""
    context: dict[str, Any] = json.loads((HERE / "cdk.json").read_text())["context"]
    return context


def main() -> None:
    """Synthesise the stage that the context or `STAGE` names; `CDK_VALIDATION=false` is quick."""
    app = cdk.App(context=flags(), analytics_reporting=False)
    label = app.node.try_get_context("stage") or os.environ.get("STAGE", "local")
    stage = Stage.read(label)
    if uri := app.node.try_get_context("tracking_uri"):  # where `make run` has put MLflow
        stage = stage.tracked_at(uri)
    compose(app, stage, Packages(), Source.read())
    if os.environ.get("CDK_VALIDATION") != "false":
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
