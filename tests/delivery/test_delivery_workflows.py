"""Workflows call make targets that are there, ask for little, and name actions by what they are."""

from __future__ import annotations

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.stage import Stage
from tests.delivery import workflows
from tests.delivery.workflows import Context, Step

ROOT = workflows.ROOT
TOOLS = ROOT / ".local" / "venvs" / "workflows" / "bin"
PINNED = re.compile(r"(\./[\w./-]+|[\w-]+/[\w./-]+@[0-9a-f]{40})")
# All that is not make: it prepares the machine.
PREPARES = re.compile(r"sudo apt-get update && sudo apt-get install --yes [a-z -]+")
MAKES = re.compile(
    r'(sudo (?:-E )?env "PATH=\$PATH" (?:[A-Z_]+=\S+ )*)?make [a-z-]+( [A-Z_]+=("\$\w+"|\S+))*'
)
WRITES = {
    # What a job may do besides reading this repository, and why it has to.
    ("ci", "difference", "pull-requests"): "its one comment",
    ("cd", "deploy", "id-token"): "the token that AWS takes for a role",
    ("monitoring", "look", "id-token"): "the token that AWS takes for a role",
    ("monitoring", "look", "issues"): "its one issue",
    ("release", "image", "packages"): "the image, in the repository's registry",
    ("release", "image", "id-token"): "signs the provenance",
    ("release", "image", "attestations"): "keeps the provenance",
    ("release", "publish", "contents"): "the release and its files",
    ("release", "publish", "id-token"): "signs the provenance",
    ("release", "publish", "attestations"): "keeps the provenance",
}
STEPS = list(workflows.steps(Context(workflows.EXAMPLE)))
RUNS = {step.run: step for step in STEPS if step.run}


def unpinned(documents: dict[str, Any]) -> list[str]:
    """Actions that are not named by a commit, or by their place here."""
    return [
        step["uses"]
        for workflow in documents.values()
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "uses" in step and not PINNED.fullmatch(step["uses"])
    ]


def test_actions_are_named_by_a_commit() -> None:
    assert unpinned(workflows.read()) == []


def test_an_action_named_by_a_tag_would_be_found() -> None:
    broken = copy.deepcopy(workflows.read())
    broken["ci"]["jobs"]["check"]["steps"][0]["uses"] = "actions/checkout@v4"
    assert unpinned(broken) == ["actions/checkout@v4"]


def test_nothing_is_allowed_that_has_no_reason_here() -> None:
    given = {
        (workflow, name, scope)
        for workflow, name, job in workflows.jobs()
        for scope, level in job["permissions"].items()
        if level == "write"
    }
    assert given == {key for key in WRITES if key[0] in workflows.read()}
    assert {body["permissions"] for body in map(_top, workflows.read().values())} == {"{}"}


def _top(workflow: dict[str, Any]) -> dict[str, str]:
    return {"permissions": str(workflow["permissions"])}


def test_every_job_ends_and_every_workflow_runs_once_at_a_time() -> None:
    assert [name for _, name, job in workflows.jobs() if "timeout-minutes" not in job] == []
    assert [name for name, body in workflows.read().items() if "concurrency" not in body] == []


def test_no_deploy_is_cut_off() -> None:
    assert workflows.read()["cd"]["concurrency"]["cancel-in-progress"] == "false"


def test_a_token_is_handed_to_no_step_that_does_not_write() -> None:
    tokens = {"GITHUB_TOKEN", "GH_TOKEN"}
    holders = {
        re.findall(r"\bmake ([a-z-]+)", step.run)[0]
        for step in STEPS
        if tokens & set(step.environment)
    }
    assert holders == {"comment", "redeploy", "issue", "publish", "push-image"}


@pytest.mark.parametrize("step", RUNS.values(), ids=RUNS)
def test_a_step_is_one_call_of_make(step: Step) -> None:
    assert MAKES.fullmatch(step.run) or PREPARES.fullmatch(step.run), step.run


@pytest.mark.parametrize(
    "step", [s for s in RUNS.values() if not PREPARES.fullmatch(s.run)], ids=lambda s: s.run
)
def test_make_knows_the_target_and_the_words_of_a_step(step: Step) -> None:
    """By `make -n`: an unknown target or knob is an error there, too."""
    words = re.sub(r"^sudo (-E )?", "", step.run)
    made = Step(**{**vars(step), "run": words})
    done = workflows.execute(made, ROOT, {**workflows.shell(), "PY": "python3"}, is_dry=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_step_with_an_unknown_target_would_be_found() -> None:
    step = Step("ci", "x", 1, "make nothing", "", "", {})
    assert workflows.execute(step, ROOT, workflows.shell(), is_dry=True).returncode == 2


@pytest.mark.parametrize(("is_tag", "stage"), [(False, "dev"), (True, "prod")])
def test_main_goes_to_dev_and_a_tag_to_prod(is_tag: bool, stage: str) -> None:
    context = Context(workflows.EXAMPLE, is_tag)
    job = workflows.read()["cd"]["jobs"]["deploy"]
    assert context.fill(job["environment"]) == stage == Stage.read(stage).delivery.environment
    assert context.fill(job["env"]["STAGE"]) == stage
    assert context.fill(workflows.read()["cd"]["concurrency"]["group"]) == f"cd-{stage}"


def test_what_does_not_answer_goes_back() -> None:
    found = {s.run: s.condition for s in STEPS if s.workflow == "cd" and s.run}
    assert found['make redeploy STAGE="$STAGE"'] == "failure() && steps.smoke.outcome == 'failure'"


@pytest.mark.parametrize("tool", [["actionlint"], ["zizmor", "--offline", "--quiet", ".github"]])
def test_workflows_lint_clean(tool: list[str]) -> None:
    if not (TOOLS / tool[0]).exists():
        pytest.skip(f"no {tool[0]} in {TOOLS.relative_to(ROOT)}: run `make workflows`")
    done = subprocess.run(
        [str(TOOLS / tool[0]), *tool[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_workflow_that_hands_an_event_to_a_shell_would_be_found(tmp_path: Path) -> None:
    if not (TOOLS / "zizmor").exists():
        pytest.skip("no zizmor: run `make workflows`")
    text = (workflows.WORKFLOWS / "ci.yml").read_text()
    (tmp_path / "ci.yml").write_text(
        text.replace("- run: make check", '- run: echo "${{ github.event.pull_request.title }}"')
    )
    done = subprocess.run(
        [str(TOOLS / "zizmor"), "--offline", str(tmp_path / "ci.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "template-injection" in done.stdout
