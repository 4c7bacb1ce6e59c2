"""One look at a deployed stage, for whoever does not look: what is well, and what is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from infra.stage import stages
from lambdas.contract import keys, names, outputs
from lambdas.contract.live import NONE
from lambdas.ports import alarms, budgets, objects, parameters, queues
from operate import clock
from operate.assembly import ROOT
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.packages import describe
from operate.place import VENVS, Place

CHECKED_WITHIN = timedelta(hours=3)  # the monitor looks each hour
LOCKED_WITHIN = timedelta(days=90)
SPENT_SHARE = 0.8  # of a budget
LOCKS = ("requirements.txt", "training/requirements.txt", "lambdas/*/requirements.txt")
AUDIT_SECONDS = 300
T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what a person reads of it."""

    name: str
    well: bool
    text: str


def look(deployment: Deployment, now: datetime, *, audit: bool = False) -> list[Finding]:
    """Look at everything once; audit: also for known vulnerabilities, which asks their database."""
    return [
        _live(deployment),
        _drift(deployment, now),
        _alarms(deployment),
        _queues(deployment),
        *_budget(deployment),
        _locks(now),
        *([_vulnerabilities()] if audit else []),
    ]


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing needs a person."""
    return all(finding.well for finding in findings)


def render(stage: str, findings: Sequence[Finding], now: datetime) -> str:
    """Markdown, what needs a person first."""
    rows = sorted(findings, key=lambda finding: finding.well)
    lines = [f"| {'ok' if f.well else '**look**'} | {f.name} | {_cell(f.text)} |" for f in rows]
    return "\n".join(
        [
            f"Stage {stage} at {clock.moment(now)}: docs/runbooks.md says what to do about alarms.",
            "",
            "| | what | how it stands |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def to_json(stage: str, findings: Sequence[Finding], now: datetime) -> str:
    """What a later step makes an issue of."""
    content: dict[str, Any] = {
        "stage": stage,
        "well": is_well(findings),
        "findings": [asdict(finding) for finding in findings],
        "text": render(stage, findings, now),
    }
    return json.dumps(content, indent=2)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _live(deployment: Deployment) -> Finding:
    live = parameters.read(deployment[outputs.LIVE_PARAMETER])
    return Finding(
        "model", True, "no model is live" if live == NONE else f"{describe(live)} is live"
    )


def _drift(deployment: Deployment, now: datetime) -> Finding:
    """The newest drift check's verdict; checks that stopped are worse than drift."""
    bucket = deployment[outputs.OBSERVATIONS_BUCKET]
    found = [k for k in objects.list_keys(bucket, keys.MONITORING) if k.endswith(keys.DRIFT_FILE)]
    if not found:
        is_idle = parameters.read(deployment[outputs.LIVE_PARAMETER]) == NONE
        return Finding("drift", is_idle, "no check was ever made")
    newest = max(found)
    at = datetime.strptime(newest.split("/")[-2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    verdict = json.loads(objects.read(bucket, newest))["verdict"]
    if now - at > CHECKED_WITHIN:
        return Finding("drift", False, f"the last check is of {clock.moment(at)}: {verdict}")
    return Finding("drift", verdict != "drift", f"{verdict}, at {clock.moment(at)}")


def _own(place: Place, found: Mapping[str, T]) -> dict[str, T]:
    """Without what is of a stage whose name begins with this one's, as `dev-two` with `dev`."""
    others = [label for label in stages() if label.startswith(f"{place.stage}-")]
    taken = tuple(f"{names.name(label)}-" for label in others)
    return {name: what for name, what in found.items() if not name.startswith(taken)}


def _alarms(deployment: Deployment) -> Finding:
    rings = _own(deployment.place, alarms.ringing(f"{deployment.place.name()}-"))
    said = "; ".join(f"{name}: {text}" for name, text in sorted(rings.items()))
    return Finding("alarms", not rings, said or "none rings")


def _queues(deployment: Deployment) -> Finding:
    depths = _own(deployment.place, queues.depths(f"{deployment.place.name()}-"))
    waiting = {name: depth for name, depth in depths.items() if depth}
    dead = {name: depth for name, depth in waiting.items() if name.endswith("dead-letters")}
    said = ", ".join(f"{name} {depth}" for name, depth in sorted(waiting.items()))
    return Finding("queues", not dead, said or "empty")


def _budget(deployment: Deployment) -> Iterator[Finding]:
    place = deployment.place
    if not place.settings.cost.budget_dollars:
        return
    spent = budgets.spending(place.settings.account, place.name())
    is_well = spent.actual <= SPENT_SHARE * spent.limit and spent.forecast <= spent.limit
    text = f"${spent.actual:,.2f} of ${spent.limit:,.0f} this month"
    if spent.forecast:
        text += f", which will come to ${spent.forecast:,.2f}"
    yield Finding("cost", is_well, text)


def _locks(now: datetime) -> Finding:
    """How old the locked packages are, by the last commit that touched a lock."""
    words = ["git", "log", "-1", "--format=%ct", "--", *LOCKS]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        return Finding(
            "packages", False, "this checkout has no history: how old they are is unknown"
        )
    at = datetime.fromtimestamp(int(done.stdout), UTC)
    is_fresh = now - at <= LOCKED_WITHIN
    said = f"locked {at:%d %B %Y}" + ("" if is_fresh else ": renew them by `make lock`")
    return Finding("packages", is_fresh, said)


def _vulnerabilities(run: Callable[..., Any] = subprocess.run) -> Finding:
    """What pip-audit says of every lock that reaches a cloud."""
    files = sorted({path for pattern in LOCKS for path in ROOT.glob(pattern)})
    words = [
        str(VENVS / "workflows/bin/pip-audit"),
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    words += ["--disable-pip", "--require-hashes"]
    for file in files:
        words += ["--requirement", str(file)]
    try:
        done = run(
            words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=AUDIT_SECONDS
        )
        report = json.loads(done.stdout)["dependencies"]
    except FileNotFoundError:
        raise OperateError("pip-audit is not installed here: run `make watch`") from None
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return Finding("vulnerabilities", False, "the database could not be asked: look by hand")
    found = sorted({f"{item['name']} {v['id']}" for item in report for v in item.get("vulns", [])})
    return Finding("vulnerabilities", not found, ", ".join(found) or "none is known")
