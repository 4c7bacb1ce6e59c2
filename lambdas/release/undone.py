"""A person's last decision on what serves, and whether a release undoes it. Pure."""

from __future__ import annotations

import msgspec

from lambdas.contract.live import version
from lambdas.contract.releases import BACK, SLEEP


class PersonDecision(msgspec.Struct, frozen=True):
    """What a person has decided: command, of which package, by whom and when (ISO 8601).

    command: empty once a machine has taken its place, and said so.
    """

    command: str
    model_package_arn: str
    by: str
    time: str


def undone(decision: PersonDecision | None, released: str) -> str:
    """What to say of a decision that a release of this package has undone; empty: of none.

    A release that the person asked for is of the package that was decided.
    """
    if decision is None:
        return ""
    who = f"{decision.by} at {decision.time}"
    if decision.command == SLEEP:
        return f"the stage was put to sleep by {who}, and this release has woken it"
    if decision.command == BACK and decision.model_package_arn != released:
        back = version(decision.model_package_arn)
        return f"version {back} was gone back to by {who}, and this release has replaced it"
    return ""
