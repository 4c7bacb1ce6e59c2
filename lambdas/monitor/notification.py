"""When drift is told, when it starts a training run, and in which words. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.contract.names import name
from monitoring.advice import ADVICE
from monitoring.drift import Verdict
from monitoring.windows import Judged, State, is_alarming

DRIFT = "drift"


def rings(before: Judged | None, after: Judged, needed: int, of: int) -> tuple[bool, bool]:
    """Whether so many of the last windows drifted, and whether that is news since the last one."""
    now = is_alarming(after, needed, of) and after.verdicts[-1] == DRIFT
    return now, now and not (before is not None and is_alarming(before, needed, of))


def why_not_learn(state: State, running: int, now: datetime, cool_down_hours: int) -> str:
    """Why drift must not start a training run now; empty where it may."""
    if running:
        return "a run is going already"
    started = state.learn_started
    if started and now < started + timedelta(hours=cool_down_hours):
        return f"drift started the last one at {started:%Y-%m-%d %H:%M} UTC, and then none for " + (
            f"{cool_down_hours} hours"
        )
    return ""


def subject(stage: str, version: str) -> str:
    """The head of the message."""
    return f"{name(stage)}: drift, model version {version}"


def message(verdict: Verdict, report_uri: str, learning: str) -> str:
    """What happened, what it may mean, what to do, where the report lies."""
    parts = [f"{verdict.n} predictions differ from the baseline of the live model.", ""]
    for finding in verdict.alarms:
        advice = ADVICE[finding.name]
        parts += [
            f"{advice.title}: {finding.words} (p = {finding.p_value:.1e}).",
            f"  It may be {advice.causes}.",
            f"  {advice.action}",
            "",
        ]
    return "\n".join([*parts, f"Learn machine: {learning}.", f"Report: {report_uri}"])
