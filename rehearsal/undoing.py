"""Scenes of releases that are undone: by an alarm, by the golden set, by a command."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext

from lambdas.contract.live import NONE
from lambdas.ports import alarms
from operate import follow
from rehearsal import bad_servers
from rehearsal.asking import Answers, as_client, asking
from rehearsal.copies import copy, nonsense, spoiled
from rehearsal.releasing import live, serves
from rehearsal.theatre import MINUTE_SECONDS, Done, Theatre, require

ROLLBACK_SECONDS = 60  # of this machine, from the first bad answer to the last
AFTERWARDS_SECONDS = 2.0
QUIET_SECONDS = 150
MODEL_FAILED = (503, 504)  # what the API answers where the model fails, or takes too long


def bad_canary(theatre: Theatre) -> str:
    """The new variant's servers die again and again; the alarm brings the old one back."""
    return _undone_by_alarm(theatre, copy(theatre, live(theatre)), bad_servers.dying(theatre.home))


def nonsense_canary(theatre: Theatre) -> str:
    """The new variant's servers are healthy, and answer what nobody can read."""
    wanted = copy(theatre, live(theatre), environment=nonsense(theatre))
    return _undone_by_alarm(theatre, wanted, nullcontext())


def slow_canary(theatre: Theatre) -> str:
    """The new variant's servers take more than a second for most answers."""
    wanted = copy(theatre, live(theatre))
    return _undone_by_alarm(theatre, wanted, bad_servers.dawdling(theatre.home), fails=False)


def golden_mismatch(theatre: Theatre) -> str:
    """A model whose golden answers are not those that it gives."""
    settle(theatre)
    before = live(theatre)
    wanted = copy(theatre, before, changed=spoiled)
    done = _release(theatre, wanted)
    require(done.code != 0, "a model that answers otherwise than it was judged was released")
    require(
        "golden answers match" in done.said,
        f"it was not the golden set: {done.said.strip()[-400:]}",
    )
    found = serves(as_client(theatre), before)
    require(found == before, f"the golden set differed, and the API answers {found}")
    return f"version {wanted} was undone, version {before} answers"


def rollback(theatre: Theatre) -> str:
    """`make rollback` goes to the version before."""
    before = live(theatre)
    theatre.must(theatre.approver(), "rollback", "--confirm", theatre.stage.label, "--force")
    found = live(theatre)
    require(found not in (before, NONE), f"after the rollback {found} is live")
    answered = serves(as_client(theatre), found)
    require(answered == found, f"version {found} is live, and the API answers {answered}")
    return f"from version {before} to version {found}"


def _undone_by_alarm(
    theatre: Theatre, wanted: str, spoil: AbstractContextManager[None], *, fails: bool = True
) -> str:
    """Release a version that goes wrong under a client's eyes.

    fails: whether its answers are errors; else they are late.
    """
    settle(theatre)
    before, api = live(theatre), as_client(theatre)
    with asking(api) as answers, spoil:
        done = _release(theatre, wanted)
    require(done.code != 0, f"a variant that goes wrong was released: {answers}")
    require("tripped" in done.said, f"it was no alarm: {done.said.strip()[-400:]}")
    require(live(theatre) == before, f"after the rollback {live(theatre)} is live")
    if fails:
        require(answers.failed > 0, f"the bad variant was never asked: {answers}")
        require(
            set(answers.statuses) <= {200, *MODEL_FAILED},
            f"errors that are not the variant's: {answers}",
        )
    else:
        require(answers.failed == 0, f"a slow variant cost requests: {answers}")
        require(answers.late > 0, f"the slow variant was never asked: {answers}")
    after = _afterwards(theatre)
    bad = [*answers.bad, *after.bad]
    felt = max(bad) - min(bad)
    require(felt <= ROLLBACK_SECONDS, f"clients felt it for {felt:.0f} s: {answers}; then {after}")
    return f"clients felt it for {felt:.0f} s: {answers}; afterwards {after}"


def _afterwards(theatre: Theatre) -> Answers:
    """Ask after the rollback, until for a while no answer was late: a busy machine recovers.

    Late ones count as felt; a failure is one too many.
    """
    with asking(as_client(theatre)) as after:
        began = time.monotonic()

        def is_whole() -> bool | None:
            last = max([began, *after.bad])
            return time.monotonic() - last > AFTERWARDS_SECONDS or None

        follow.until("answers in time after the rollback", is_whole, ROLLBACK_SECONDS)
    require(after.failed == 0, f"after the rollback clients still see errors: {after}")
    return after


def _release(theatre: Theatre, number: str) -> Done:
    words = ("release", "--confirm", theatre.stage.label, "--version", number)
    return theatre.operate(theatre.approver(), *words)


def settle(theatre: Theatre) -> None:
    """Wait until no guardrail has rung for a minute, as a person would before the next release.

    What a server was asked when it was stopped is counted when it ends: later than the rollback.
    """
    names = list(theatre.stage.guardrails)
    quiet_since: list[float] = []

    def is_quiet() -> bool | None:
        if alarms.in_alarm(names):
            quiet_since.clear()
            return None
        quiet_since.append(time.monotonic())
        return quiet_since[-1] - quiet_since[0] > MINUTE_SECONDS or None

    follow.until("the end of the alarms", is_quiet, QUIET_SECONDS)
