"""What runs, what is live, what the alerts said: for a person, and for a run that serves."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from rich.console import Console

from lambdas.contract import names, outputs
from lambdas.contract.live import NONE
from lambdas.contract.releases import SLEEP
from lambdas.ports import machines, models, parameters
from lambdas.ports.api import base_url
from operate import clock, decisions, packages
from operate.deployment import Deployment
from operate.inbox import Inbox
from operate.packages import describe
from operate.progress import show_rows

MACHINES = {
    outputs.PREPROCESS_MACHINE_ARN: names.PREPROCESS,
    outputs.LEARN_MACHINE_ARN: names.LEARN,
    outputs.RELEASE_MACHINE_ARN: names.RELEASE,
}
SHOWN = 3  # executions of each machine
HISTORY = 8  # decisions of persons and ends of releases


class Watch:
    """Remembers what was last seen and tells what is new since."""

    def __init__(self, deployment: Deployment, home: Path) -> None:
        self.deployment = deployment
        self.inbox = Inbox(deployment[outputs.INBOX_URL], home / "inbox.jsonl")
        self._shown = len(self.inbox.alerts)
        self._states: dict[str, str] = {}
        self._live = ""

    def news(self) -> list[str]:
        """A line for each change: executions with their outcome, the live version, alerts."""
        lines = []
        for key, name in MACHINES.items():
            for execution in reversed(machines.executions(self.deployment[key])[:SHOWN]):
                if self._states.get(execution.arn) != execution.status:
                    self._states[execution.arn] = execution.status
                    lines.append(f"{name}: {outcome(execution.arn, execution.status)}")
        live = parameters.read(self.deployment[outputs.LIVE_PARAMETER])
        if live != self._live:
            before, self._live = self._live, live
            lines.append(
                f"live: {describe(live)}{f' (before: {describe(before)})' if before else ''}"
            )
        alerts = self.inbox.collect()
        lines += [f"alert: {alert.line}" for alert in alerts[self._shown :]]
        self._shown = len(alerts)
        return lines


def outcome(arn: str, status: str) -> str:
    """The status of an execution, with what came of it or why it failed."""
    if status == "RUNNING":
        return "running"
    ended = machines.describe(arn)
    if status != "SUCCEEDED":
        return f"{status.lower()}: {ended.cause or ended.error or 'no reason was given'}"
    return ", ".join(["succeeded", *_results(json.loads(ended.output or "{}"))])


def _results(output: object) -> list[str]:
    """What the output of one of our machines says that a person wants to know."""
    if not isinstance(output, dict):
        return []
    found = []
    if counts := output.get("counts"):
        found.append(f"{counts['kept']:,} of {counts['read']:,} reviews kept")
    if package := output.get("model_package_arn"):
        found.append(describe(package))
    return found + [str(output[key]) for key in ("why", "reason", "message") if output.get(key)]


def show(deployment: Deployment, home: Path, console: Console) -> None:
    """Print the state of a stage."""
    live = parameters.read(deployment[outputs.LIVE_PARAMETER])
    rows = [("live", _without_model(deployment) if live == NONE else describe(live))]
    if live != NONE:
        endpoint = models.describe_endpoint(deployment[outputs.ENDPOINT_NAME])
        rows.append(("endpoint", f"{endpoint.status}, {endpoint.configuration}"))
    for package in models.packages(deployment[outputs.MODEL_PACKAGE_GROUP])[:5]:
        row = f"{package.approval}, registered {clock.moment(package.created)}"
        rows.append((f"version {package.version}", f"{row}, {packages.signer(package)}"))
    rows += [
        ("history", f"{_moment(record.get('time', ''))}  {decisions.line(record)}")
        for record in islice(decisions.history(deployment), HISTORY)
    ]
    for key, name in MACHINES.items():
        for execution in machines.executions(deployment[key])[:SHOWN]:
            state = outcome(execution.arn, execution.status)
            rows.append((name, f"{clock.moment(execution.started)}  {state}"))
    if deployment.get(outputs.INBOX_URL):
        alerts = Inbox(deployment[outputs.INBOX_URL], home / "inbox.jsonl").collect()[-5:]
        rows += [("alert", f"{_moment(alert.time)}  {alert.line}") for alert in alerts]
    rows.append(("API", base_url(deployment[outputs.API_ID], deployment[outputs.API_STAGE])))
    show_rows(console, rows)


def _without_model(deployment: Deployment) -> str:
    """Why nothing answers: what was put to sleep, and how it comes back."""
    last = decisions.last(deployment)
    if last is None or last["command"] != SLEEP:
        return "no model is released"
    return f"{describe(last['model_package_arn'])} sleeps: `make wake` brings it back"


def _moment(text: str) -> str:
    found = clock.parse(text)
    return clock.moment(found) if found else "(no time)"
