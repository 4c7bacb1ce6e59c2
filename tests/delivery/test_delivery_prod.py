"""cd.yml runs for tags: what fits goes to stage prod, what does not stops before any key is taken.

Its steps as they are written, in a clone, by the roles of the Delivery stack, in a local cloud that
is the account of prod. In order: each test goes on from the one before. That a person approves is
GitHub's.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.delivery.deployed_stage import DeployedStage, prepared_stage
from tests.delivery.runner import JobRun, git
from tests.delivery.workflows import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.tagged,
    pytest.mark.skipif(
        not (ROOT / ".local/venvs/emulator").exists(), reason="no local cloud: run `make setup`"
    ),
]
BROKEN = '\nraise RuntimeError("broken by a commit")\n'
TAG = 'make tag NAME="$GITHUB_REF_NAME"'
DEPLOY = 'make deploy STAGE="$STAGE" CI=1'
SMOKE = 'make smoke STAGE="$STAGE"'
IDENTITY = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStage]:
    """The account has the roles of GitHub's jobs; nothing is deployed."""
    with prepared_stage(tmp_path_factory.mktemp("prod"), "prod") as made:
        yield made


@pytest.fixture(scope="module")
def first(stage: DeployedStage) -> str:
    """The tag that `make bump` has made of the first commit, pushed as it says."""
    return bump(stage)


def bump(stage: DeployedStage) -> str:
    """A version of main -> its tag, pushed and checked out, as GitHub does for a tag's run."""
    git(stage.clone, *IDENTITY, "commit", "-q", "--allow-empty", "-m", "feat: do more")
    said = stage.make("bump")
    assert said.endswith("exit 0"), said[-3000:]
    tag = git(stage.clone, "describe", "--exact-match")
    git(stage.clone, "push", "-q", "--atomic", "origin", "main", tag)
    git(stage.clone, "fetch", "-q", "origin")
    return tag


def stacks(stage: DeployedStage) -> set[str]:
    """Those of the account, but of its bootstrap and its roles."""
    found = stage.aws("cloudformation").describe_stacks()["Stacks"]
    return {one["StackName"] for one in found} - {"CDKToolkit", "review-stars-prod-delivery"}


def refused(stage: DeployedStage, tag: str) -> str:
    """What a tag's run says that ends before a role is taken, and leaves the account as it was."""
    done: JobRun = stage.job("cd", "deploy", "prod", tag=tag)
    assert done.ran == [TAG]
    assert done.conclusion == "failure"
    assert [done.outcomes[n] for n in sorted(done.outcomes)[3:]] == ["skipped"] * 6
    assert stacks(stage) == set()
    return done.said


def test_a_tag_of_another_version_deploys_nothing(stage: DeployedStage, first: str) -> None:
    git(stage.clone, "tag", "v9.9.9")
    assert f"v9.9.9 is not of version {first[1:]}" in refused(stage, "v9.9.9")


def test_a_tag_that_is_not_on_main_deploys_nothing(stage: DeployedStage, first: str) -> None:
    git(stage.clone, "checkout", "-q", "-b", "aside")
    git(stage.clone, *IDENTITY, "commit", "-q", "--allow-empty", "-m", "feat: do it aside")
    git(stage.clone, "tag", "-f", first)
    git(stage.clone, "push", "-q", "--force", "origin", first)
    assert f"{first} is of a commit that is not on origin/main" in refused(stage, first)


def test_a_tag_that_was_moved_deploys_nothing(stage: DeployedStage, first: str) -> None:
    """GitHub's run holds the commit that was pushed; the server's tag is of another one by now."""
    git(stage.clone, "checkout", "-q", "main")
    assert f"{first} is not of the commit that is checked out" in refused(stage, first)
    git(stage.clone, "tag", "-f", "-a", first, "-m", "as it was")
    assert f"{first} was moved on the server" in refused(stage, first)
    git(stage.clone, "push", "-q", "--force", "origin", first)


def test_main_s_tag_is_deployed_by_tokens_and_its_api_answers(
    stage: DeployedStage, first: str
) -> None:
    git(stage.clone, "checkout", "-q", first)
    done = stage.deploy(first)
    assert done.conclusion == "success", done.said[-4000:]
    assert done.ran == [TAG, DEPLOY, SMOKE]
    assert "the API answers, and no model is released yet" in done.said
    assert {"review-stars-prod-serving", "review-stars-prod-operations"} <= stacks(stage)


def test_a_tag_that_does_not_answer_goes_back_to_the_one_before(
    stage: DeployedStage, first: str
) -> None:
    git(stage.clone, "checkout", "-q", "main")
    file = stage.clone / "lambdas" / "ratings" / "rate.py"
    file.write_text(file.read_text() + BROKEN)
    stage.commit("feat(lambdas): break")
    second = bump(stage)
    former = git(stage.clone, "rev-parse", f"{first}^{{commit}}")
    git(stage.clone, "checkout", "-q", second)
    done = stage.deploy(second)
    assert done.conclusion == "failure"
    assert done.ran == [TAG, DEPLOY, SMOKE, 'make redeploy STAGE="$STAGE"'], done.said[-4000:]
    assert f"{former} is deployed again to stage prod" in done.said
    assert done.outcomes[max(done.outcomes)] == "success", done.said[-4000:]
    smoke = stage.job("cd", "deploy", "prod", only="make smoke", tag=second)
    assert "the API answers, and no model is released yet" in smoke.said, smoke.said[-3000:]
