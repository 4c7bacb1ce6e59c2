"""Scenes of the approver: releases that go through, and those that are undone."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lambdas.contract import outputs
from lambdas.contract import packages as registry
from lambdas.contract.live import NONE, version
from lambdas.ports import models, objects, parameters
from lambdas.ports.api import SignedApi
from operate import follow
from operate.packages import find, pending
from rehearsal.asking import as_client, ask, asking
from rehearsal.theatre import ADMINISTRATOR, Theatre, require
from reviews.digest import digest_manifest
from reviews.golden import GOLDEN_FILE

MANIFEST = "model.json"
AFTER_SECONDS = 12  # the function remembers the live record for ten
KILL_SECONDS = 0.2


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


def bad_canary(theatre: Theatre) -> str:
    """The new variant's servers die again and again; the alarm brings the old one back."""
    before = live(theatre)
    wanted = copy(theatre, before)
    api = as_client(theatre)
    began = time.monotonic()
    with asking(api) as answers, dying_newcomers(theatre.home):
        done = theatre.operate(
            theatre.approver(), "release", "--confirm", theatre.stage.label, "--version", wanted
        )
    took = time.monotonic() - began
    require(done.code != 0, f"a variant that dies was released: {answers}")
    require(live(theatre) == before, f"after the rollback {live(theatre)} is live")
    require(answers.failed > 0, f"the bad variant was never asked: {answers}")
    with asking(api) as after:
        time.sleep(2)
    require(after.failed == 0, f"after the rollback clients still see errors: {after}")
    settle(theatre)
    return f"rolled back after {took:.0f} s; {answers}; afterwards {after}"


def golden_mismatch(theatre: Theatre) -> str:
    """A model whose golden answers are not those that it gives."""
    before = live(theatre)
    wanted = copy(theatre, before, spoil=True)
    done = theatre.operate(
        theatre.approver(), "release", "--confirm", theatre.stage.label, "--version", wanted
    )
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


def two_at_once(theatre: Theatre) -> str:
    """Two persons release two versions in the same second."""
    now = live(theatre)
    deployed = theatre.deployment
    others = [
        str(p.version)
        for p in models.packages(deployed[outputs.MODEL_PACKAGE_GROUP])
        if p.approval == registry.APPROVED and "rehearsal" not in p.metadata
    ]
    wanted = [*[number for number in others if number != now][:1], now]
    name, label = theatre.approver(), theatre.stage.label
    ended: dict[str, int] = {}

    def one(number: str) -> None:
        words = ("release", "--confirm", label, "--version", number, "--force")
        ended[number] = theatre.operate(name, *words).code

    threads = [threading.Thread(target=one, args=(number,)) for number in wanted]
    with asking(as_client(theatre)) as answers:
        for thread in threads:
            thread.start()
            time.sleep(0.5)
        for thread in threads:
            thread.join()
    require(len(ended) == len(wanted), f"not both came to an end: {ended}")
    require(live(theatre) in wanted, f"{live(theatre)} is live, which nobody asked for")
    require(answers.failed == 0, f"two releases cost requests: {answers}")
    return f"both ended ({ended}), version {live(theatre)} is live; {answers}"


def deploy_meanwhile(theatre: Theatre) -> str:
    """A deploy by the deployer while a person releases and clients ask."""
    with asking(as_client(theatre)) as answers:
        thread = threading.Thread(target=rollback, args=(theatre,))
        thread.start()
        done = theatre.deploy()
        thread.join()
    require(done.code == 0, f"the deploy failed: {done.said.strip()[-400:]}")
    require(answers.failed == 0, f"the deploy cost requests: {answers}")
    return f"version {live(theatre)} is live; {answers}"


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


def copy(theatre: Theatre, number: str, *, spoil: bool = False) -> str:
    """Register a version once more, as if it were a new one; returns the new one's version.

    spoil: with golden answers that are not the model's.
    """
    deployed = theatre.deployment
    package = find(deployed, number)
    bucket, key = objects.split_uri(package.model_data_url)
    stamp = f"{time.time_ns()}"
    target = f"{key.rpartition('/')[0]}/rehearsal-{stamp}.tar.gz"
    body = objects.read_uri(package.model_data_url)
    data = spoiled(body) if spoil else body
    objects.put_bytes(bucket, target, data, "application/gzip")
    arn = models.register(
        models.NewPackage(
            group=deployed[outputs.MODEL_PACKAGE_GROUP],
            description="a copy of the rehearsal",
            image_uri=package.metadata[registry.IMAGE_URI],
            model_data_url=f"s3://{bucket}/{target}",
            evaluation_uri=package.metadata[registry.EVALUATION_URI],
            instance_type=theatre.stage.endpoint.instance_type,
            metadata={**package.metadata, "rehearsal": stamp},
            card="",
            token=f"rehearsal-{stamp}",
        )
    )
    return version(arn)


def spoiled(archive: bytes) -> bytes:
    """A model.tar.gz whose golden set says other stars than the model; its digests are right.

    With wrong digests the model would not even start, and nobody would ask the golden set.
    """
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as old:
        for member in old:
            if found := old.extractfile(member):
                files[member.name] = found.read()
    golden = next(name for name in files if Path(name).name == GOLDEN_FILE)
    lines = [json.loads(line) for line in files[golden].splitlines()]
    wrong = [{**line, "stars": line["stars"] % 5 + 1} for line in lines]
    files[golden] = body = b"".join(json.dumps(line).encode() + b"\n" for line in wrong)
    manifest = next(name for name in files if Path(name).name == MANIFEST)
    content = json.loads(files[manifest])
    digest = hashlib.sha256(body).hexdigest()
    content["files"][GOLDEN_FILE] = {"bytes": len(body), "sha256": digest}
    content["sha256"] = digest_manifest(content)
    files[manifest] = json.dumps(content).encode()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as new:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return made.getvalue()


@contextmanager
def dying_newcomers(home: Path) -> Iterator[None]:
    """Kill each model server that starts from now on, again and again, once it answers."""
    known, stop = set(_servers(home)), threading.Event()

    def kill() -> None:
        born: dict[int, float] = {}
        while not stop.wait(KILL_SECONDS):
            now = time.monotonic()
            for pid in set(_servers(home)) - known:
                if now - born.setdefault(pid, now) > 4:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True, name="killer")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _servers(home: Path) -> Iterator[int]:
    mark = f"{home}/".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = entry.read_bytes().split(b"\0")
            is_ours = mark in entry.with_name("environ").read_bytes()
            if is_ours and words[1:4] == [b"-m", b"training", b"serve"]:
                yield int(entry.parent.name)


def settle(theatre: Theatre) -> None:
    """Wait until no guardrail is in ALARM any more, as a person would before the next release."""
    from lambdas.ports import alarms

    names = list(theatre.stage.guardrails)
    follow.until("the end of the alarms", lambda: not alarms.in_alarm(names) or None, 150)
