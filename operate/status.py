"""What runs, what is live, what was said: for a terminal, and for `make run` while it serves."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lambdas.contract import outputs
from lambdas.contract.live import NONE, version
from lambdas.ports import machines, models, parameters
from lambdas.ports.api import base_url
from operate.deployment import Deployment
from operate.inbox import Inbox


class Watch:
    """Remembers what was last seen and tells what is new since."""

    def __init__(self, deployment: Deployment, home: Path) -> None:
        self.deployment = deployment
        self.inbox = Inbox(deployment[outputs.INBOX_URL], home / "inbox.jsonl")
        self._shown = len(self.inbox.alerts)
        self._states: dict[str, str] = {}
        self._live = ""

    def news(self) -> list[str]:
        """A line for each change: executions, the live version, alerts."""
        lines = []
        for key in outputs.MACHINES:
            for execution in machines.executions(self.deployment[key])[:3]:
                if self._states.get(execution.arn) != execution.status:
                    self._states[execution.arn] = execution.status
                    name = self.deployment[key].rsplit(":", 1)[1]
                    lines.append(f"{name}: {execution.status.lower()}")
        live = parameters.read(self.deployment[outputs.LIVE_PARAMETER])
        if live != self._live:
            self._live = live
            lines.append(f"live: {version(live)}")
        alerts = self.inbox.collect()
        lines += [f"alert: {alert.line}" for alert in alerts[self._shown :]]
        self._shown = len(alerts)
        return lines


def show(deployment: Deployment, home: Path, console: Console) -> None:
    """Print the state of a stage."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    live = parameters.read(deployment[outputs.LIVE_PARAMETER])
    table.add_row("live", version(live) if live != NONE else "no model is released")
    if live != NONE:
        endpoint = models.describe_endpoint(deployment[outputs.ENDPOINT_NAME])
        table.add_row("endpoint", f"{endpoint.status}, {endpoint.configuration}")
    for package in models.packages(deployment[outputs.MODEL_PACKAGE_GROUP])[:5]:
        table.add_row(f"version {package.version}", f"{package.approval}, {package.created:%F %T}")
    for key in outputs.MACHINES:
        name = deployment[key].rsplit(":", 1)[1]
        for execution in machines.executions(deployment[key])[:3]:
            table.add_row(name, f"{execution.status.lower()}, started {execution.started:%F %T}")
    if deployment.get(outputs.INBOX_URL):
        for alert in Inbox(deployment[outputs.INBOX_URL], home / "inbox.jsonl").collect()[-5:]:
            table.add_row("alert", escape(f"{alert.time[:19]} {alert.line}"))
    console.print(table)
    address = base_url(deployment[outputs.API_ID], deployment[outputs.API_STAGE])
    console.print(f"API  {address}", soft_wrap=True)  # one that is cut is no address
