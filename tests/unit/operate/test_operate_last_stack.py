"""An MLflow app that cannot be made stops no deploy, and is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from operate.last_stack import LATER, deploy
from operate.place import Place

ASKED = ("deploy", "--all", "--outputs-file", "o.json", "--require-approval", "never")
NEEDED = ["Foundation", "Preprocessing", "Learning", "Endpoint", "Serving", "Operations"]


class Cdk:
    """The CDK CLI; failing: a stack whose deploy fails."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.asked: list[list[str]] = []

    def __call__(self, *argv: str) -> int:
        self.asked.append(list(argv))
        return int(self.failing in argv)


def test_the_app_is_deployed_behind_everything_else() -> None:
    cdk, said = Cdk(), []
    assert deploy(Place("prod"), cdk, ASKED, said.append) == 0
    approval = ["--require-approval", "never", LATER]
    assert cdk.asked == [
        ["deploy", *NEEDED, "--outputs-file", "o.json", *approval],
        ["deploy", "Tracking", "--exclusively", *approval],
    ]
    assert said == []


def test_an_app_that_cannot_be_made_stops_nothing_and_is_told() -> None:
    said: list[str] = []
    assert deploy(Place("prod"), Cdk("Tracking"), ASKED, said.append) == 0
    [line] = said
    assert line.startswith("review-stars-prod-tracking could not be deployed")
    assert line.endswith("set learning.tracking_uri in configs/prod.yaml")


def test_any_other_stack_that_fails_fails_the_deploy() -> None:
    cdk = Cdk("Learning")
    assert deploy(Place("prod"), cdk, ASKED) == 1
    assert len(cdk.asked) == 1


@pytest.mark.parametrize(
    ("label", "argv"), [("local", ASKED), ("prod", ("deploy", "Serving", "--force"))]
)
def test_what_has_no_app_or_names_its_stacks_is_deployed_as_asked(
    label: str, argv: tuple[str, ...], tmp_path: Path
) -> None:
    cdk = Cdk()
    assert deploy(Place(label), cdk, argv) == 0
    assert cdk.asked == [[*argv, LATER]]
