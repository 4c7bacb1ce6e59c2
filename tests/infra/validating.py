"""`python -m tests.infra.validating`: what CDK's own checks find, as JSON, of each case.

A process of its own: CDK reads once, when it starts, whether to validate.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import IConstruct

from app import compose, flags, rule_packs
from infra.packaging.packages import Packages
from infra.stage import Stage

from .synthesis import SOURCE, STAGES

Break = Callable[[IConstruct], object]


def open_bucket(stack: IConstruct) -> None:
    """What cdk-nag must refuse."""
    s3.Bucket(stack, "Open")  # type: ignore[arg-type]


def lossy_queue(stack: IConstruct) -> None:
    """What both packs of cdk-nag must refuse."""
    sqs.Queue(stack, "Lossy", enforce_ssl=True)  # type: ignore[arg-type]


def unknown_property(stack: IConstruct) -> None:
    """What CloudFormation Validate must refuse."""
    cdk.CfnResource(stack, "Bad", type="AWS::SQS::Queue", properties={"Colour": "red"})  # type: ignore[arg-type]


CASES: dict[str, tuple[str, Break | None]] = {
    **{stage: (stage, None) for stage in STAGES},
    "open bucket": ("local", open_bucket),
    "lossy queue": ("local", lossy_queue),
    "unknown property": ("local", unknown_property),
}


def findings(label: str, broken: Break | None, folder: Path) -> list[str]:
    """The rules that a stage breaks; broken: what is added to its first stack."""
    app = cdk.App(context=flags(), analytics_reporting=False, outdir=str(folder))
    compose(app, Stage.read(label), Packages(folder=None), SOURCE)
    if broken:
        broken(app.node.find_child("Foundation"))
    cdk.Validations.of(app).add_plugins(*rule_packs(app))
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
    report = json.loads((folder / "validation-report.json").read_text())
    return [
        violation["ruleName"]
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
    ]


def main() -> None:
    """Print a JSON object: the case, and the rules that it breaks."""
    with tempfile.TemporaryDirectory() as place:
        found = {
            case: findings(stage, broken, Path(place) / case)
            for case, (stage, broken) in CASES.items()
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
