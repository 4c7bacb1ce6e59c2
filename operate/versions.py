"""Versions of functions that no execution can still be running."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from lambdas.contract import outputs
from lambdas.contract.names import STACKS
from lambdas.ports import functions, machines, stacks
from lambdas.ports.functions import Version
from operate.deployment import Deployment

FUNCTION = "AWS::Lambda::Function"
DEPLOY = timedelta(hours=1)  # from the publication of a version until every machine names it


def sweep(deployment: Deployment) -> int:
    """Delete the versions that are neither the newest nor in use; returns how many."""
    running = [
        execution.started
        for key in outputs.MACHINES
        if deployment.get(key)
        for execution in machines.executions(deployment[key], "RUNNING")
    ]
    since = min([datetime.now(UTC), *running])
    swept = 0
    for part in STACKS:
        name = deployment.place.name(part)
        for function in stacks.going(name, FUNCTION) if stacks.exists(name) else []:
            for version in unused(functions.versions(function), since):
                functions.delete_version(function, version.number)
                swept += 1
    return swept


def unused(versions: Sequence[Version], since: datetime) -> list[Version]:
    """Those that were replaced well before the start of the oldest execution that runs.

    An execution calls the versions that were the newest when it began.
    """
    ordered = sorted(versions, key=lambda version: version.number)
    return [version for version, next in pairwise(ordered) if next.published + DEPLOY < since]
