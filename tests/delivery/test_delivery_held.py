"""Each step of each workflow ran here by a test that is named, or the page says why not."""

from __future__ import annotations

import re

from tests.delivery import held, workflows
from tests.delivery.held import ACTIONS, BY_HAND, PAGE, RUN_BY, called
from tests.delivery.workflows import EXAMPLE, ROOT, Context

STEPS = list(workflows.steps(Context(EXAMPLE)))


def test_each_step_is_run_or_said_not_to_be() -> None:
    calls = {(step.workflow, called(step.written)) for step in STEPS if step.run}
    assert calls == set(RUN_BY) | set(BY_HAND)
    assert set(RUN_BY) & set(BY_HAND) == set()
    assert {step.uses.partition("@")[0] for step in STEPS if step.uses} == set(ACTIONS)


def test_a_test_that_runs_a_step_speaks_of_its_job() -> None:
    """By the words of the runner: `job("cd", "deploy", …)`."""
    jobs = {(s.workflow, called(s.written)): s.job for s in STEPS if s.run}
    for (workflow, name), file in RUN_BY.items():
        if not file.endswith(".py"):
            continue
        text = (ROOT / file).read_text()
        job = jobs[workflow, name]
        pattern = rf'"{workflow}", "{jobs_of(workflow, name) or job}"'
        assert re.search(pattern, text), f"{file} runs no {workflow}/{job}"


def jobs_of(workflow: str, name: str) -> str:
    """The last job that has the step: of a release the one that publishes."""
    return [s.job for s in STEPS if s.workflow == workflow and called(s.written) == name][-1]


def test_the_page_has_the_table_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert held.written(page) == page, "run .venv/bin/python -m tests.delivery.held"
