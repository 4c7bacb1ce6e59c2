"""What the parts of a stage are called, wherever another part looks for them."""

from __future__ import annotations

import re

APP = "review-stars"
# The stacks of a stage by the end of their names, in the order in which they are deployed.
STACKS = (
    "foundation",
    "preprocessing",
    "learning",
    "endpoint",
    "serving",
    "operations",
    "tracking",  # of stages with an MLflow app of their own; nothing waits for it
)
FOUNDATION_STACK, LEARNING_STACK = "foundation", "learning"
ENDPOINT_STACK, OPERATIONS_STACK, TRACKING_STACK = "endpoint", "operations", "tracking"
PREPROCESS, LEARN, RELEASE = "preprocess", "learn", "release"  # the state machines
SLEEP = "sleep"  # another, of stages that sleep when they are idle
PREDICT = "predict"  # batch jobs
TRACK = "track"  # the role of the step that sends runs to MLflow
DELIVERY_STACK = "delivery"  # apart from those: a person deploys it, once
DEPLOY, SMOKE, WATCH = "deploy", "smoke", "watch"  # the roles of workflows
DEPLOYER = "deployer"  # and of persons who deploy
ASKING = "asking"  # the role of the function that asks each minute
SIGNING = "signing"  # the key that signs models, and the only role that may use it
# Roles whose questions count in no window of the monitor.
PROBES = ("golden", "probe", ASKING, SMOKE)


def name(stage: str, part: str = "") -> str:
    """The physical name of a stage's part; without one, the prefix of all."""
    return "-".join(filter(None, (APP, stage, part)))


def released_prefix(endpoint: str) -> str:
    """What the names of an endpoint's Models and EndpointConfigs begin with.

    Two dashes, which no label of a stage has: a pattern over it matches no other stage's.
    """
    return f"{endpoint}--"


def released_version(name: str, endpoint: str) -> str | None:
    """The package version in the name of a Model or EndpointConfig of exactly this endpoint.

    name: `<endpoint>--<version>-<digest>-<release>`; None for any other, as those of a stage whose
    name begins with ours.
    """
    prefix = re.escape(released_prefix(endpoint))
    found = re.fullmatch(rf"{prefix}([0-9]+)-[0-9a-f]{{6}}-[0-9a-z]+", name)
    return found[1] if found else None


def is_prediction_job(job: str, stage: str) -> bool:
    """Whether a job is one of this stage's batch predictions: `<prefix>-predict-<day>-<time>`."""
    prefix = re.escape(name(stage, PREDICT))
    return re.fullmatch(rf"{prefix}-[0-9]{{8}}-[0-9]{{6}}", job) is not None


def key_alias(stage: str, key: str) -> str:
    """The alias of a key of the stage (`data`, `alerts`, `signing`), kept where the key is."""
    return f"alias/{name(stage, key)}"


def tracking_parameter(stage: str) -> str:
    """The SSM parameter that holds the ARN of the stage's MLflow app."""
    return f"/{name(stage)}/tracking"


def live_parameter(stage: str) -> str:
    """The SSM parameter that holds the live record."""
    return f"/{name(stage)}/live"
