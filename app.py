"""Composition root: reads a stage, builds its stacks, hands each only what it needs."""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import aws_cdk as cdk
import msgspec
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct

from infra.acknowledged import acknowledge_wildcards
from infra.packaging import build
from infra.packaging.packages import MissingPackageError, Packages
from infra.platform import AlertTopic, Platform
from infra.source import DeployedSource
from infra.stacks.delivery import DeliveryStack
from infra.stacks.endpoint import EndpointStack
from infra.stacks.foundation import FoundationStack
from infra.stacks.learning import LearningStack
from infra.stacks.operations import OperationsStack, Signals
from infra.stacks.preprocessing import PreprocessingStack
from infra.stacks.serving import ServingStack
from infra.stacks.tracking import TrackingStack
from infra.stage import CONFIGS, Stage, StageError
from infra.trust import bound_roles
from lambdas.contract.names import DELIVERY_STACK

HERE = Path(__file__).resolve().parent


def compose(app: cdk.App, stage: Stage, packages: Packages, source: DeployedSource) -> None:
    """Build every stack of a stage, in the order in which they are deployed."""
    foundation = FoundationStack(app, "Foundation", stage=stage)
    alerts = AlertTopic(arn=foundation.alert_topic_arn, key=foundation.alerts_key)
    platform = Platform(stage=stage, packages=packages, alerts=alerts)
    preprocessing = PreprocessingStack(
        app,
        "Preprocessing",
        platform=platform,
        source=source,
        raw=foundation.raw,
        curated=foundation.curated,
    )
    learning = LearningStack(
        app,
        "Learning",
        platform=platform,
        source=source,
        curated=foundation.curated,
        models=foundation.models,
        signing_key=foundation.signing_key,
    )
    endpoint = EndpointStack(app, "Endpoint", stage=stage, alert_topic_arn=alerts.arn)
    serving = ServingStack(
        app,
        "Serving",
        platform=platform,
        models=foundation.models,
        observations=foundation.observations,
        signing_key=foundation.signing_key,
    )
    operations = OperationsStack(
        app,
        "Operations",
        platform=platform,
        drift_config=drift_config(),
        signals=signals(foundation, preprocessing, learning, serving),
        models=foundation.models,
        observations=foundation.observations,
    )
    last = (
        [TrackingStack(app, "Tracking", stage=stage, models=foundation.models)]
        if stage.has_own_tracking
        else []
    )
    in_order(foundation, preprocessing, learning, endpoint, serving, operations, *last)
    nodes = app.node.find_all()
    foundation.let_alarms_in(
        [stage.arn("cloudwatch", f"alarm:{name}") for name in heard_alarms(nodes)]
    )
    encrypt_logs(nodes, foundation.data_key.key_arn)
    bound_roles(nodes, stage)
    acknowledge_wildcards(nodes)


def compose_delivery(app: cdk.App, stage: Stage) -> None:
    """The roles of workflows alone: deployed by a person, before any workflow can."""
    DeliveryStack(app, "Delivery", stage=stage)
    nodes = app.node.find_all()
    bound_roles(nodes, stage)
    acknowledge_wildcards(nodes)


def signals(
    foundation: FoundationStack,
    preprocessing: PreprocessingStack,
    learning: LearningStack,
    serving: ServingStack,
) -> Signals:
    """What the alarms watch, as its owners hand it out."""
    return Signals(
        preprocessing_failed=preprocessing.preprocessing.failed(),
        preprocess_dead_letters=preprocessing.preprocessing.dead_letters,
        rejected_share=preprocessing.preprocessing.rejected_share(),
        preprocessing_stuck=preprocessing.preprocessing.stuck(),
        learning_stuck=learning.learning.stuck(),
        undelivered_observations=serving.streams.undelivered(),
        tampering_dead_letters=foundation.tampering.dead_letters,
        learning_failed=learning.learning.failed(),
        learn_dead_letters=learning.learning.dead_letters,
        release_failed=serving.release.failed(),
        release_stuck=serving.release.stuck(),
        release_dead_letters=serving.release.dead_letters,
        model_errors=serving.ratings.model_errors(),
        dropped_observations=serving.ratings.dropped_observations(),
        server_error_share=serving.ratings.server_error_share(),
        probe=serving.probe,
    )


def heard_alarms(nodes: list[IConstruct]) -> list[str]:
    """The names of all alarms that have somebody to tell."""
    kinds = (cloudwatch.CfnAlarm, cloudwatch.CfnCompositeAlarm)
    alarms = [node for node in nodes if isinstance(node, kinds)]
    return sorted(str(alarm.alarm_name) for alarm in alarms if alarm.alarm_actions)


def encrypt_logs(nodes: list[IConstruct], key_arn: str) -> None:
    """Every log group under our own key, whoever made it."""
    for node in nodes:
        if isinstance(node, logs.CfnLogGroup):
            node.kms_key_id = key_arn


def in_order(*stacks: cdk.Stack) -> None:
    """Deploy each after the one before it: most know each other by name alone."""
    for earlier, later in pairwise(stacks):
        later.add_stack_dependency(earlier)


def drift_config() -> str:
    """When a window counts as drifted: configs/drift.yaml as JSON, a variable of the monitor."""
    content = msgspec.yaml.decode((HERE / "configs" / "drift.yaml").read_bytes())
    return json.dumps(content, separators=(",", ":"))


def rule_packs(app: cdk.App) -> list[cdk.IPolicyValidationPlugin]:
    """The rules of cdk-nag that every synth keeps, beside CloudFormation Validate's own."""
    return [AwsSolutionsChecks(app), ServerlessChecks(app)]


def flags() -> dict[str, object]:
    """The feature flags of cdk.json, which only the CDK CLI hands over by itself."""
    context: dict[str, object] = json.loads((HERE / "cdk.json").read_text())["context"]
    return context


def main() -> int:
    """Synthesise the stage that the context or `STAGE` names; `CDK_VALIDATION=false` is quick.

    Context `stage_files`, `packages`: folders in the place of configs/ and the stage's packages.
    """
    app = cdk.App(context=flags(), analytics_reporting=False)
    label = app.node.try_get_context("stage") or os.environ.get("STAGE", "local")
    try:
        stage = Stage.read(label, Path(app.node.try_get_context("stage_files") or CONFIGS))
        if uri := app.node.try_get_context("tracking_uri"):  # where `make run` has put MLflow
            stage = stage.tracked_at(uri)
        packages = Path(app.node.try_get_context("packages") or build.folder(stage.label))
        if app.node.try_get_context(DELIVERY_STACK):
            compose_delivery(app, stage)
        else:
            compose(app, stage, Packages(packages), DeployedSource.read())
    except (StageError, MissingPackageError) as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 1
    if os.environ.get("CDK_VALIDATION") != "false":
        cdk.Validations.of(app).add_plugins(*rule_packs(app))
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
