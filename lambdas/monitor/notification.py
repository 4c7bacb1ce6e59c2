"""What people are told of drift, and in which words. Pure."""

from __future__ import annotations

from lambdas.contract.names import name
from monitoring.advice import ADVICE
from monitoring.drift import DriftVerdict


def subject(stage: str, version: str) -> str:
    """The head of the message."""
    return f"{name(stage)}: drift, model version {version}"


def message(verdict: DriftVerdict, report_uri: str, learning: str) -> str:
    """What happened, what it may mean, what to do, where the report lies."""
    parts = [f"{verdict.n} predictions differ from the baseline of the live model.", ""]
    for finding in verdict.alarms:
        advice = ADVICE[finding.name]
        parts += [
            f"{advice.title}: {finding.message} (p = {finding.p_value:.1e}).",
            f"  It may be {advice.causes}.",
            f"  {advice.action}",
            "",
        ]
    return "\n".join([*parts, f"Learn machine: {learning}.", f"Report: {report_uri}"])
