"""Composition root: reads a stage, builds its stacks, hands each only what it needs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import aws_cdk as cdk

from infra.packages import Packages
from infra.stacks.foundation import Foundation
from infra.stage import Stage

HERE = Path(__file__).resolve().parent


def compose(app: cdk.App, stage: Stage, packages: Packages) -> None:
    """Build every stack of a stage, in the order in which they are deployed."""
    foundation = Foundation(app, "Foundation", stage=stage)


def flags() -> dict[str, object]:
    """The feature flags of cdk.json, which only the CDK CLI hands over by itself."""
    context: dict[str, object] = json.loads((HERE / "cdk.json").read_text())["context"]
    return context


if __name__ == "__main__":
    app = cdk.App(context=flags(), analytics_reporting=False)
    label = app.node.try_get_context("stage") or os.environ.get("STAGE", "local")
    compose(app, Stage.read(label), Packages())
    app.synth()
