"""Whether a package may be released, and what may be deleted afterwards. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lambdas.ports.models import Package

NONE = "none"
APPROVED = "Approved"


@dataclass(frozen=True)
class Decision:
    """release, serving (nothing to do) or refuse, with the reason in a sentence."""

    action: str
    reason: str


def decide(
    package: Package | None,
    *,
    group: str,
    live: str,
    served: str,
    ringing: Sequence[str],
    force: bool,
) -> Decision:
    """What to do with the package that was asked for.

    live: the live record; served: the package that the endpoint serves, empty where none does;
    ringing: guardrail alarms in ALARM; force: go on in spite of them.
    """
    if package is None:
        return Decision("refuse", "there is no such model package")
    if package.group != group:
        return Decision("refuse", f"the package is of group {package.group}, not {group}")
    if package.approval != APPROVED:
        return Decision("refuse", f"version {package.version} is {package.approval}, not Approved")
    if package.status != "Completed":
        return Decision("refuse", f"version {package.version} is {package.status}, not Completed")
    if "evaluation_uri" not in package.metadata and "run_prefix" not in package.metadata:
        return Decision("refuse", f"version {package.version} has no record of its gate")
    if live == package.arn and served == package.arn:
        return Decision("serving", f"version {package.version} is served already")
    if ringing and not force:
        names = ", ".join(ringing)
        return Decision("refuse", f"in ALARM before the rollout: {names}; FORCE=1 overrides")
    return Decision("release", f"version {package.version} goes out")


def rollout(package_arn: str, live: str, *, force: bool) -> str:
    """`canary`, or `at_once` for a first release, for an undo, and where it is forced.

    An alarm that rings already must not undo an undo.
    """
    if force or live == NONE or int(version(package_arn)) < int(version(live)):
        return "at_once"
    return "canary"


def stale(names: Sequence[str], prefix: str, keep: Sequence[str]) -> list[str]:
    """Models or configurations of this endpoint that belong to no kept package version.

    names: as `<prefix>-<version>-<digest>-<release>`; others, such as those of a stage whose name
    begins with ours, are left alone. keep: versions.
    """
    form = re.compile(rf"{re.escape(prefix)}-([0-9]+)-[0-9a-f]{{6}}-[0-9a-z]+")
    found = {name: form.fullmatch(name) for name in names}
    return sorted(name for name, match in found.items() if match and match[1] not in keep)


def version(package_arn: str) -> str:
    """The version at the end of a package's ARN."""
    return package_arn.rsplit("/", 1)[-1]
