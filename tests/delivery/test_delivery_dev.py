"""cd.yml runs: a deploy, one that does not answer, and the way back.

Their steps as they are written, in a clone, by the roles of the Delivery stack, in a local cloud
that is the account of stage dev. In order: each test goes on from the one before.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

import pytest

from rehearsal import docker
from tests.delivery.account import STAGE, clone_of_this_checkout, cloud_of
from tests.delivery.deployed_stage import DeployedStage
from tests.delivery.github_api import Repository, serving
from tests.delivery.runner import JobRun, git
from tests.delivery.workflows import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (ROOT / ".local/venvs/emulator").exists(), reason="no local cloud: run `make setup`"
    ),
]
POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
BROKEN = '\nraise RuntimeError("broken by a commit")\n'


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStage]:
    """The clone's first commit is pushed; the account is empty."""
    folder = tmp_path_factory.mktemp("delivery")
    shim = folder / "docker"
    shim.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-P", docker.__file__])} "$@"\n')
    shim.chmod(0o755)
    clone = clone_of_this_checkout(folder)
    repository = Repository()
    with cloud_of(folder) as cloud, serving(repository) as api:
        made = DeployedStage(clone, folder, cloud, repository, api)
        made.commit("feat: begin")
        yield made


def deploy(stage: DeployedStage) -> JobRun:
    """A run of cd.yml for a push to main, with the record that GitHub keeps of it."""
    number = stage.repository.begin_deployment(git(stage.clone, "rev-parse", "HEAD"), STAGE)
    done = stage.job("cd", "deploy", STAGE)
    stage.repository.end_deployment(number, done.conclusion)
    return done


def test_the_roles_are_made_once_after_the_bootstrap(stage: DeployedStage) -> None:
    # Of `make bootstrap`, with the policy that AWS takes where none is named.
    assert stage.make("package", f"STAGE={STAGE}").endswith("exit 0")
    words = ("bootstrap", "--cloudformation-execution-policies", POLICY)
    said = stage.operate("cdk", "--stage", STAGE, *words)
    assert said.endswith("exit 0"), said[-3000:]
    # Of `make delivery`, which asks a person at a terminal before it makes roles.
    words = ("deploy", "Delivery", "--context", "delivery=yes", "--require-approval", "never")
    said = stage.operate("cdk", "--stage", STAGE, *words)
    assert said.endswith("exit 0"), said[-3000:]
    assert {"DeployRoleArn", "SmokeRoleArn", "WatchRoleArn"} <= set(stage.outputs("delivery"))


def test_main_is_deployed_by_tokens_and_its_api_answers(stage: DeployedStage) -> None:
    done = deploy(stage)
    assert done.conclusion == "success", done.said[-4000:]
    assert done.ran == ['make deploy STAGE="$STAGE" CI=1', 'make smoke STAGE="$STAGE"']
    assert "the API answers, and no model is released yet" in done.said


def test_a_commit_that_does_not_answer_goes_back_to_the_one_before(stage: DeployedStage) -> None:
    former = git(stage.clone, "rev-parse", "HEAD")
    file = stage.clone / "lambdas" / "ratings" / "rate.py"
    file.write_text(file.read_text() + BROKEN)
    stage.commit("feat(lambdas): break")
    done = deploy(stage)
    assert done.conclusion == "failure"
    assert done.ran[-1] == 'make redeploy STAGE="$STAGE"', done.said[-4000:]
    assert f"{former} is deployed again to stage {STAGE}" in done.said
    assert done.outcomes[max(done.outcomes)] == "success", done.said[-4000:]
    smoke = stage.job("cd", "deploy", STAGE, only="make smoke")
    assert "the API answers, and no model is released yet" in smoke.said, smoke.said[-3000:]
