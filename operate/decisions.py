"""What was decided on what serves, and by whom: one history of persons and of the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lambdas.contract import keys, outputs
from lambdas.contract.live import NONE
from lambdas.contract.releases import ASKED, ASLEEP, RELEASED, SLEEP
from lambdas.ports import identity, objects
from operate.deployment import Deployment
from operate.packages import describe

JSON = "application/json"


def record(deployment: Deployment, command: str, package_arn: str) -> None:
    """Keep what a person decides before it is done; a release that undoes it later says so.

    command: as a person types it.
    """
    now = datetime.now(UTC)
    decided = {
        "time": now.isoformat(timespec="seconds"),
        "command": command,
        "by": identity.caller().arn,
        "model_package_arn": package_arn,
        "outcome": ASLEEP if command == SLEEP else ASKED,
    }
    body = json.dumps(decided, indent=2).encode()
    own = keys.release(f"{now:%Y%m%dT%H%M%SZ}-{command}")
    for key in (own, keys.DECISION):
        objects.put_bytes(deployment[outputs.MODELS_BUCKET], key, body, JSON)


def last(deployment: Deployment) -> dict[str, Any] | None:
    """The last decision; None where there was none."""
    try:
        found: dict[str, Any] = json.loads(
            objects.read(deployment[outputs.MODELS_BUCKET], keys.DECISION)
        )
    except FileNotFoundError:
        return None
    return found


def history(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Decisions and ends of releases, newest first; each is read when it is asked for."""
    bucket = deployment[outputs.MODELS_BUCKET]
    found = objects.list_objects(bucket, keys.RELEASES)
    for item in sorted(found, key=lambda item: (item.modified, item.key), reverse=True):
        if item.key != keys.DECISION:
            yield json.loads(objects.read(bucket, item.key))


def released(deployment: Deployment) -> Iterator[str]:
    """Packages that have gone live, newest first."""
    for record in history(deployment):
        if record["outcome"] == RELEASED:
            yield record["model_package_arn"]


def line(record: dict[str, Any]) -> str:
    """One record of the history as people read it."""
    package = describe(record.get("model_package_arn") or NONE)
    if command := record.get("command"):
        return f"{command} of {package}, by {record['by']}"
    more = [record.get("reason", ""), record.get("undoes", "")]
    return f"{package} {record['outcome']}: {'; '.join(filter(None, more)) or 'no reason given'}"
