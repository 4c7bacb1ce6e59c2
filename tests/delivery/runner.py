"""A runner of one job: its steps in order, in a clone, with the actions that a cloud can answer.

What GitHub alone has (interpreters, caches, signatures) is left out and named.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.delivery import workflows
from tests.delivery.workflows import Context, Step

# An action's inputs in, the variables for all later steps out; None: it is taken away.
Action = Callable[[Mapping[str, str]], Mapping[str, str | None]]
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass
class JobRun:
    """What became of a job. steps: how each step ended, by its number."""

    outcomes: dict[int, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    said: str = ""

    @property
    def conclusion(self) -> str:
        """As GitHub shows it."""
        return "failure" if "failure" in self.outcomes.values() else "success"


@dataclass
class Runner:
    """A machine with a clone on it. actions: by name without the commit."""

    clone: Path
    variables: dict[str, str]
    actions: Mapping[str, Action] = field(default_factory=dict)

    def run(self, workflow: str, job: str, context: Context, only: str = "") -> JobRun:
        """Run the first cell of a job's matrix. only: the step that begins so, with all actions."""
        document = workflows.read(self.clone / ".github" / "workflows")[workflow]
        body = document["jobs"][job]
        known = Context(
            {**context.values, **next(workflows.cells(body), {})}, is_tag=context.is_tag
        )
        variables = dict(self.variables)
        done, ids = JobRun(), {}
        for number, step in enumerate(workflows.steps_of(workflow, job, document, known), start=1):
            raw = body["steps"][number - 1]
            variables["GITHUB_OUTPUT"] = str(left := self.clone.parent / f"output-{number}")
            left.write_text("")
            is_other = bool(only and step.run and not step.run.startswith(only))
            if is_other or not is_due(step.condition, done, ids, known):
                done.outcomes[number] = "skipped"
                continue
            done.outcomes[number] = self._step(step, raw, known, variables, done)
            if "id" in raw:
                ids[raw["id"]] = done.outcomes[number]
                known = Context({**known.values, **outputs(raw["id"], left)}, known.is_tag)
        return done

    def _step(
        self,
        step: Step,
        raw: Mapping[str, Any],
        known: Context,
        variables: dict[str, str],
        done: JobRun,
    ) -> str:
        if step.uses:
            name = step.uses.partition("@")[0]
            if name not in self.actions:
                done.left_out.append(name)
                return "success"
            given = {key: known.fill(text) for key, text in raw.get("with", {}).items()}
            for key, text in self.actions[name](given).items():
                variables.pop(key, None)
                if text is not None:
                    variables[key] = text
            return "success"
        done.ran.append(step.written)
        ended = workflows.execute(step, self.clone, variables)
        done.said += ended.stdout + ended.stderr
        return "success" if ended.returncode == 0 else "failure"


def outputs(step: str, left: Path) -> dict[str, str]:
    """What a step has left for later ones, as expressions name it."""
    pairs = (line.partition("=") for line in left.read_text().splitlines())
    return {f"steps.{step}.outputs.{name}": text for name, _, text in pairs}


def is_due(condition: str, done: JobRun, ids: Mapping[str, str], context: Context) -> bool:
    """Whether a step runs: GitHub's expression, of the forms that our workflows have."""
    words = [word.strip() for word in condition.split("&&")] if condition else []
    asks_status = any(word in ("failure()", "always()", "success()") for word in words)
    has_failed = done.conclusion == "failure"
    if has_failed and not asks_status:
        return False
    return all(_is_so(word, has_failed, ids, context) for word in words)


def _is_so(word: str, has_failed: bool, ids: Mapping[str, str], context: Context) -> bool:
    if word == "always()":
        return True
    if word in ("failure()", "success()"):
        return has_failed == (word == "failure()")
    left, _, right = word.partition(" == ")
    wanted = right.strip("'")
    if left == "github.ref_type":
        return wanted == ("tag" if context.is_tag else "branch")
    if left.startswith("steps.") and left.endswith(".outcome"):
        return ids.get(left.split(".")[1], "skipped") == wanted
    raise ValueError(f"no such condition is known: {word}")


def git(root: Path, *words: str) -> str:
    """Run git in a clone -> what it printed."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()
