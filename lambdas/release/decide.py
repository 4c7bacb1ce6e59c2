"""Whether a package may be released, and what may be deleted afterwards. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lambdas.contract import packages
from lambdas.contract.live import NONE, version
from lambdas.contract.names import released_version
from lambdas.contract.releases import AT_ONCE, CANARY, GO, REFUSE, SERVING
from lambdas.ports.models import Package


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
    alarming: Sequence[str],
    force: bool,
    signature_fault: Callable[[Package], str],
) -> Decision:
    """What to do with the package that was asked for.

    live: the live record; served: the package that the endpoint serves, empty where none does;
    alarming: guardrail alarms in ALARM; force: go on in spite of them, and of nothing else;
    signature_fault: what is wrong with a package's signature, empty where nothing is.
    """
    if package is None:
        return Decision(REFUSE, "there is no such model package")
    if package.group != group:
        return Decision(REFUSE, f"the package is of group {package.group}, not {group}")
    if package.approval != packages.APPROVED:
        return Decision(REFUSE, f"version {package.version} is {package.approval}, not Approved")
    if package.status != packages.COMPLETED:
        return Decision(REFUSE, f"version {package.version} is {package.status}, not Completed")
    if not {packages.EVALUATION_URI, packages.RUN_PREFIX} & set(package.metadata):
        return Decision(REFUSE, f"version {package.version} has no record of its gate")
    if live == package.arn and served == package.arn:
        return Decision(SERVING, f"version {package.version} is served already")
    if fault := signature_fault(package):
        return Decision(REFUSE, f"version {package.version} cannot be trusted: {fault}")
    if alarming and not force:
        names = ", ".join(alarming)
        return Decision(REFUSE, f"in ALARM before the rollout: {names}; FORCE=1 overrides")
    return Decision(GO, f"version {package.version} goes out")


def rollout(package_arn: str, live: str, *, force: bool) -> str:
    """`canary`, or `at_once` for a first release, for an undo, and where it is forced.

    An alarm that is in ALARM already must not undo an undo.
    """
    if force or live == NONE or int(version(package_arn)) < int(version(live)):
        return AT_ONCE
    return CANARY


def stale(names: Sequence[str], prefix: str, keep: Sequence[str]) -> list[str]:
    """Models or configurations of this endpoint that belong to no kept package version.

    names: of the whole account; prefix: the endpoint's name. keep: versions.
    """
    found = {name: released_version(name, prefix) for name in names}
    return sorted(name for name, version in found.items() if version and version not in keep)
