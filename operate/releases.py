"""Approve, release, roll back, sleep, wake, and one drift check on request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console

from lambdas.contract import outputs
from lambdas.contract.live import NONE
from lambdas.contract.packages import APPROVED
from lambdas.contract.releases import BACK, MODEL_PACKAGE_ARN, PUT, SLEEP, WAKE
from lambdas.ports import functions, machines, models, parameters
from operate import decisions, follow, packages
from operate.confirm import Ask, Log, confirm
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.progress import RunProgress
from operate.scaling import change_endpoint

SECONDS = 3600


@dataclass(frozen=True)
class Confirmation:
    """How the stage's name is given once more, where its file asks for that.

    confirmed: by the command line (CONFIRM=); ask: None where nobody is there to be asked.
    """

    confirmed: str = ""
    ask: Ask | None = None
    log: Log = print

    def get(self, deployment: Deployment, command: str, what: str) -> None:
        """Raise InputError where it was not given."""
        place = deployment.place
        confirm(place, command, what, confirmed=self.confirmed, ask=self.ask, log=self.log)


NOBODY = Confirmation()


def release(
    deployment: Deployment, version: str, *, force: bool = False, given: Confirmation = NOBODY
) -> None:
    """Approve a package with the caller's own rights and follow the release that it starts.

    version: of the package; empty takes the newest that is pending.
    force: in spite of a guardrail alarm that is on already, at once and unguarded.
    Raises InputError where there is none, OperateError where the release failed.
    """
    package = packages.find(deployment, version) if version else packages.pending(deployment)
    now = packages.describe(parameters.read(deployment[outputs.LIVE_PARAMETER]))
    new = packages.describe(package.arn)
    given.get(deployment, PUT, f"{new} is released in the place of {now}")
    decisions.record(deployment, PUT, package.arn)
    since = datetime.now(UTC).replace(microsecond=0)
    is_new = package.approval != APPROVED
    if is_new:
        models.approve(package.arn, "approved by make release")
    if force or not is_new:
        _start(deployment, package.arn, force=force)
        return
    arn = follow.started_since(deployment[outputs.RELEASE_MACHINE_ARN], since, 60, "the release")
    _follow(arn, f"Release version {package.version}")


def rollback(
    deployment: Deployment,
    version: str,
    *,
    force: bool = False,
    log: Log = print,
    given: Confirmation = NOBODY,
) -> None:
    """Release an older package: the named version, or the last one that was live before.

    force: in spite of a guardrail alarm that is on, which is often why one goes back.
    Raises InputError where there is none to go back to.
    """
    live = parameters.read(deployment[outputs.LIVE_PARAMETER])
    if version:
        wanted = packages.find(deployment, version).arn
    else:
        wanted = next((arn for arn in decisions.released(deployment) if arn != live), "")
    now = packages.describe(live)
    if wanted == live:
        raise InputError(f"{now} is live already: there is nothing to roll back")
    if not wanted:
        raise InputError(f"there is nothing to go back to: no version was live before ({now} is)")
    log(
        f"{now} is live; {packages.describe(wanted)} takes its place"
        + ("" if version or live == NONE else f", and a second rollback brings {now} back")
    )
    given.get(deployment, BACK, f"this is what customers of stage {deployment.place.stage} get")
    decisions.record(deployment, BACK, wanted)
    _start(deployment, wanted, force=force)


def sleep(deployment: Deployment, *, given: Confirmation = NOBODY) -> None:
    """Take the endpoint down; `wake` brings the same package back.

    Raises InputError where nothing is live.
    """
    live = parameters.read(deployment[outputs.LIVE_PARAMETER])
    if live == NONE:
        raise InputError("no model is live: there is nothing to put to sleep")
    slept = packages.describe(live)
    given.get(
        deployment, SLEEP, f"{slept} is taken down, and the API answers 503 until `make wake`"
    )
    decisions.record(deployment, SLEEP, live)
    with RunProgress().step("sleep", f"Take down {slept}"):
        change_endpoint(deployment, {MODEL_PACKAGE_ARN: ""})


def wake(deployment: Deployment, *, given: Confirmation = NOBODY) -> None:
    """Bring back the package that was put to sleep.

    Raises InputError where none sleeps.
    """
    live = parameters.read(deployment[outputs.LIVE_PARAMETER])
    if live != NONE:
        raise InputError(f"{packages.describe(live)} is live: nothing sleeps")
    last = decisions.last(deployment)
    if last is None or last["command"] not in (SLEEP, WAKE):  # a wake that failed is tried again
        raise InputError("no package was put to sleep by `make sleep`")
    arn = last["model_package_arn"]
    given.get(deployment, WAKE, f"{packages.describe(arn)} is brought back, and costs again")
    decisions.record(deployment, WAKE, arn)
    # Nothing serves: an alarm that still rings for what slept has nothing to guard.
    _start(deployment, arn, force=True)


def check_drift(deployment: Deployment) -> None:
    """Run one monitor check and print its verdict."""
    verdict = functions.invoke(deployment[outputs.MONITOR_FUNCTION], {})
    Console(highlight=False).print_json(json.dumps(verdict))


def _start(deployment: Deployment, package_arn: str, *, force: bool) -> None:
    event = {"model_package_arn": package_arn, **({"force": True} if force else {})}
    arn = machines.start(deployment[outputs.RELEASE_MACHINE_ARN], event)
    _follow(arn, f"Release {packages.describe(package_arn)}")


def _follow(arn: str, title: str) -> None:
    progress = RunProgress()
    with progress.step("release", title):
        done = follow.finished(arn, progress, SECONDS)
        if not done.succeeded:
            raise OperateError(f"the release ended {done.status}: {done.reason}")
        progress.log(str(done.output.get("message", "it serves")))
