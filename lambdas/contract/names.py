"""What the parts of a stage are called, wherever another part looks for them."""

from __future__ import annotations

APP = "review-stars"
# The stacks of a stage by the end of their names, in the order in which they are deployed.
STACKS = ("foundation", "preprocessing", "learning", "endpoint", "serving", "operations")
ENDPOINT_STACK = "endpoint"
PREPROCESS, LEARN, RELEASE = "preprocess", "learn", "release"  # the state machines
PREDICT = "predict"  # batch jobs


def name(stage: str, part: str = "") -> str:
    """The physical name of a stage's part; without one, the prefix of all."""
    return "-".join(filter(None, (APP, stage, part)))


def live_parameter(stage: str) -> str:
    """The SSM parameter that holds the live record."""
    return f"/{name(stage)}/live"
