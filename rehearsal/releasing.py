"""Scenes of the approver: releases that go through, sleep and wake."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from lambdas.contract import outputs
from lambdas.contract.live import NONE, version
from lambdas.ports import parameters
from lambdas.ports.api import SignedApi
from operate.packages import pending
from rehearsal.asking import as_client, ask, asking
from rehearsal.copies import sound
from rehearsal.theatre import ADMINISTRATOR, Done, Theatre, require

AFTER_SECONDS = 12  # the function remembers the live record for ten
APART_SECONDS = 0.5  # between two persons: their releases meet, and their logs have two names
RELEASED, OVERTAKEN = " released", "overtaken by a later release"


def live(theatre: Theatre) -> str:
    """The version that the live record names; NONE where none is."""
    found = parameters.read(theatre.deployment[outputs.LIVE_PARAMETER])
    return found if found == NONE else version(found)


def release(theatre: Theatre, *words: str) -> str:
    """`make release` by the approver."""
    label = theatre.stage.label
    return theatre.must(theatre.approver(), "release", "--confirm", label, *words)


def serves(api: SignedApi, wanted: str) -> str:
    """The version that answers, or the status, once it is the wanted one or it is too late."""
    deadline = time.monotonic() + AFTER_SECONDS
    while True:
        status, answer = ask(api)
        found = str(answer["model_version"]) if status == 200 else str(status)
        if found == wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def first_release(theatre: Theatre) -> str:
    """A person approves, and the API answers."""
    wanted = str(pending(theatre.deployment).version)
    release(theatre)
    found = serves(as_client(theatre), wanted)
    require(found == wanted, f"version {wanted} was released, and the API answers {found}")
    return f"version {wanted} answers"


def another(theatre: Theatre) -> str:
    """A second model, learned alone; returns its version."""
    said = theatre.must(ADMINISTRATOR, "learn", "--alone")
    package = pending(theatre.deployment)
    require(str(package.version) in said, f"version {package.version} was not told")
    return str(package.version)


def under_load(theatre: Theatre) -> str:
    """A second release while a client asks every 50 ms."""
    wanted, api = another(theatre), as_client(theatre)
    with asking(api) as answers:
        release(theatre)
        serves(api, wanted)
    require(answers.failed == 0, f"the release cost requests: {answers}")
    require(wanted in answers.versions, f"version {wanted} never answered: {answers}")
    require(len(answers.versions) > 1, f"the version before never answered: {answers}")
    return str(answers)


def two_at_once(theatre: Theatre) -> str:
    """Two persons release two versions in the same second; each is told how theirs ended."""
    now = live(theatre)
    wanted = [number for number in sound(theatre) if number != now][:2]
    require(len(wanted) == 2, f"there are no two versions to release beside version {now}")
    name, label = theatre.approver(), theatre.stage.label

    def one(number: str) -> Done:
        time.sleep(APART_SECONDS * wanted.index(number))
        return theatre.operate(name, "release", "--confirm", label, "--version", number, "--force")

    with asking(as_client(theatre)) as answers, ThreadPoolExecutor(2) as persons:
        ended = dict(zip(wanted, persons.map(one, wanted), strict=True))
    told = {number: _ending(number, done) for number, done in ended.items()}
    found = live(theatre)
    require(found in wanted, f"{found} is live, which nobody asked for")
    require(told[found] == "released", f"version {found} is live, and its person was told: {told}")
    require(answers.failed == 0, f"two releases cost requests: {answers}")
    both = ", ".join(f"version {number} {ending}" for number, ending in told.items())
    return f"told: {both}; version {found} is live; {answers}"


def _ending(number: str, done: Done) -> str:
    """How a person was told that their release ended. Raises SceneError where they were not."""
    require(done.code == 0, f"the release of version {number} failed: {done.said.strip()[-400:]}")
    if OVERTAKEN in done.said:
        return "overtaken"
    require(RELEASED in done.said, f"nothing was said of version {number}: {done.said[-400:]}")
    return "released"


def deploy_meanwhile(theatre: Theatre) -> str:
    """A deploy by the deployer while a person releases and clients ask."""
    now, label = live(theatre), theatre.stage.label
    wanted = next(number for number in sound(theatre) if number != now)
    words = ("release", "--confirm", label, "--version", wanted, "--force")
    with asking(as_client(theatre)) as answers, ThreadPoolExecutor(1) as person:
        released = person.submit(theatre.must, theatre.approver(), *words)
        done = theatre.deploy()
        released.result()
    require(done.code == 0, f"the deploy failed: {done.said.strip()[-400:]}")
    require(live(theatre) == wanted, f"{wanted} was released, and {live(theatre)} is live")
    require(answers.failed == 0, f"the deploy cost requests: {answers}")
    return f"version {wanted} is live; {answers}"


def sleep_and_wake(theatre: Theatre) -> str:
    """The endpoint is taken down, and comes back with the same version."""
    before, api, label = live(theatre), as_client(theatre), theatre.stage.label
    theatre.must(ADMINISTRATOR, "sleep", "--confirm", label)
    asleep = serves(api, "503")
    require(asleep == "503", f"asleep, the API answers {asleep}")
    theatre.must(ADMINISTRATOR, "wake", "--confirm", label)
    found = serves(api, before)
    require(found == before, f"version {before} slept, and {found} woke")
    return f"503 while asleep, then version {before} again"
