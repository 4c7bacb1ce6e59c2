"""An account that nobody has prepared: said before anything is made, and prepared from a clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.delivery.account import Account, clone_of_this_checkout, cloud_of
from tests.delivery.workflows import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (ROOT / ".local/venvs/emulator").exists(), reason="no local cloud: run `make setup`"
    ),
]


def test_an_account_is_said_to_be_unprepared_and_prepared_from_a_clone(
    tmp_path: Path,
) -> None:
    clone = clone_of_this_checkout(tmp_path)
    with cloud_of(tmp_path) as cloud:
        at = Account(clone, tmp_path, cloud)
        said = at.make("deploy", f"STAGE={at.stage}", "CI=1")
        assert f"account {at.number}, region us-east-1 is not prepared for the CDK" in said
        assert said.endswith("exit 2")
        assert at.aws("cloudformation").list_stacks()["StackSummaries"] == []
        said = at.bootstrap()
        assert said.endswith("exit 0"), said[-3000:]
