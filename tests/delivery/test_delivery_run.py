"""A job's steps run here as a runner would run them: the comment of a fork's pull request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery import workflows
from tests.delivery.workflows import Context

pytestmark = pytest.mark.e2e
LEFT = workflows.ROOT / "difference.md"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a run for a pull request that changes nothing, of a fork."""
    event = {"pull_request": {"number": 7, "head": {"repo": {"full_name": "fork/stars"}}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    yield {
        **workflows.shell(),
        "GITHUB_REPOSITORY": "octo/stars",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    LEFT.unlink(missing_ok=True)


def test_what_a_deploy_would_change_is_said_in_the_summary_of_a_fork_s_run(
    run: dict[str, str],
) -> None:
    steps = [
        step
        for step in workflows.steps(Context(workflows.EXAMPLE))
        if (step.workflow, step.job) == ("ci", "difference") and step.run
    ]
    assert len(steps) == 2
    for step in steps:
        done = workflows.execute(step, workflows.ROOT, run)
        assert done.returncode == 0, done.stdout + done.stderr
    summary = Path(run["GITHUB_STEP_SUMMARY"]).read_text()
    assert "### What a deploy of stage prod would change" in summary
    assert "| **all** |" in summary
