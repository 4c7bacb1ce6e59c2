"""The workflows as data, their steps with GitHub's expressions filled in, and a runner of them.

    .venv/bin/python -m tests.delivery.workflows ci difference

runs the steps of one job in this checkout, as far as a machine that is not GitHub's can: actions
are left out, and the credentials of a cloud are those of the shell.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
CHOICE = re.compile(r"github\.ref_type == 'tag' && '(\w+)' \|\| '(\w+)'")


@dataclass(frozen=True)
class Step:
    """One step of one job: what it runs, or the action that it uses."""

    workflow: str
    job: str
    number: int
    run: str
    uses: str
    condition: str
    environment: Mapping[str, str]
    written: str = ""  # as the file has it, with GitHub's expressions

    @property
    def name(self) -> str:
        """How a test names it."""
        return f"{self.workflow}/{self.job}/{self.number}"


@dataclass(frozen=True)
class Context:
    """What GitHub knows of a run. values: of expressions, by their text."""

    values: Mapping[str, str] = field(default_factory=dict)
    is_tag: bool = False

    def fill(self, text: str) -> str:
        """A text with its expressions filled in. Raises KeyError for one that nobody gave."""
        return EXPRESSION.sub(lambda found: self.value(found[1]), text)

    def value(self, expression: str) -> str:
        """What an expression comes to."""
        if choice := CHOICE.fullmatch(expression):
            return choice[1] if self.is_tag else choice[2]
        return self.values[expression]


def read(folder: Path = WORKFLOWS) -> dict[str, dict[str, Any]]:
    """Every workflow by the stem of its file."""
    return {
        path.stem: yaml.load(path.read_text(), Loader=yaml.BaseLoader)
        for path in sorted(folder.glob("*.yml"))
    }


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every job: workflow, name, body."""
    for workflow, body in read().items():
        for name, job in body["jobs"].items():
            yield workflow, name, job


def steps(context: Context) -> Iterator[Step]:
    """Every step of every job, once for each cell of its matrix."""
    documents = read()
    for workflow, job, body in jobs():
        for cell in cells(body):
            known = Context({**context.values, **cell}, context.is_tag)
            yield from steps_of(workflow, job, documents[workflow], known)


def steps_of(
    workflow: str, job: str, document: Mapping[str, Any], known: Context
) -> Iterator[Step]:
    """The steps of one cell of one job."""
    body = document["jobs"][job]
    outer = {**document.get("env", {}), **body.get("env", {})}
    for number, step in enumerate(body["steps"], start=1):
        variables = {**outer, **step.get("env", {})}
        yield Step(
            workflow,
            job,
            number,
            known.fill(step.get("run", "")),
            step.get("uses", ""),
            step.get("if", ""),
            {name: known.fill(text) for name, text in variables.items()},
            step.get("run", ""),
        )


def cells(job: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The cells of a job's matrix; one without values where it has none."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for values in itertools.product(*matrix.values()):
        yield {f"matrix.{name}": value for name, value in zip(matrix, values, strict=True)}


def execute(
    step: Step, folder: Path, variables: Mapping[str, str], *, is_dry: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does, by bash that stops at the first failure.

    is_dry: make says what it would run, and runs nothing.
    """
    environment = {**variables, **step.environment, **({"MAKEFLAGS": "n"} if is_dry else {})}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.run],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def shell() -> dict[str, str]:
    """The variables of a runner that say nothing of a run."""
    kept = ("PATH", "HOME", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ}


EXAMPLE = {
    "github.token": "",
    "github.ref": "refs/heads/main",
    "github.workflow": "ci",
    "github.event.pull_request.base.sha": "HEAD",
    "vars.AWS_REGION": "us-east-1",
}


def main(words: list[str]) -> int:
    """Run the first cell of one job here."""
    workflow, job = words
    seen: set[int] = set()
    for step in steps(Context(EXAMPLE)):
        if (step.workflow, step.job) != (workflow, job) or step.number in seen:
            continue
        seen.add(step.number)
        if not step.run:
            print(f"- {step.name}: left out, GitHub's own: {step.uses}")
            continue
        print(f"- {step.name}: {step.run}", flush=True)
        done = execute(step, ROOT, dict(os.environ))
        print(done.stdout + done.stderr)
        if done.returncode:
            return done.returncode
    return 0 if seen else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
