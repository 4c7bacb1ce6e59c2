"""Clients of the API: one question, or one each 50 ms while something else goes on."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from lambdas.contract import outputs
from lambdas.ports.api import SignedApi
from lambdas.ports.roles import Credentials
from rehearsal.theatre import Theatre

REVIEW = {"title": "Broke", "text": "It stopped charging on the second day. Waste of money."}
EVERY_SECONDS = 0.05
LATE_SECONDS = 1.0  # what the endpoint's guardrail calls slow
CLIENTS = 8  # requests of it that are under way; it waits where so many are


@dataclass
class Answers:
    """What came back. statuses: by status, 0 where nothing came; versions: of the good ones.

    bad: when failures and late answers came, in seconds of a clock that never goes back.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    late: int = 0
    bad: list[float] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Requests that were not answered 200."""
        return self.statuses.total() - self.statuses[200]

    def count(self, status: int, answer: dict[str, Any], seconds: float) -> None:
        """Add an answer, or the problem that came in its place."""
        self.statuses[status] += 1
        is_late = seconds > LATE_SECONDS
        if status == 200:
            self.versions[str(answer["model_version"])] += 1
            self.late += is_late
        else:
            self.reasons[f"{status} {answer.get('title', '')}"] += 1
        if is_late or status != 200:
            self.bad.append(time.monotonic())

    def __str__(self) -> str:
        by_version = ", ".join(f"{n:,} by version {v}" for v, n in sorted(self.versions.items()))
        said = f"{self.statuses.total():,} requests: {self.statuses[200]:,} answered ({by_version})"
        failures = [f"{n:,} × {why}" for why, n in self.reasons.most_common()]
        late = f", {self.late:,} late" if self.late else ""
        return (
            f"{said}{late}, {self.failed:,} failed{': ' if failures else ''}{', '.join(failures)}"
        )


def as_client(theatre: Theatre) -> SignedApi:
    """The API as a client in the stage's role for clients sees it."""
    if "AWS_SESSION_TOKEN" not in theatre.person("client").keys:
        theatre.enter_role("client", outputs.CLIENT_ROLE_ARN)
    return as_person(theatre, "client")


def as_person(theatre: Theatre, name: str) -> SignedApi:
    """The API as somebody calls it with their own credentials."""
    keys = theatre.person(name).keys
    credentials = Credentials(
        keys["AWS_ACCESS_KEY_ID"],
        keys["AWS_SECRET_ACCESS_KEY"],
        keys.get("AWS_SESSION_TOKEN"),  # type: ignore[arg-type]  # a user's own key has none
    )
    deployment = theatre.deployment
    return SignedApi(deployment[outputs.API_ID], deployment[outputs.API_STAGE], credentials)


def ask(api: SignedApi) -> tuple[int, dict[str, Any]]:
    """One question; the status, and the answer or the problem."""
    status, body = api.post("/v1/ratings", json.dumps(REVIEW).encode())
    try:
        found: dict[str, Any] = json.loads(body or b"{}")
    except ValueError:
        found = {}
    return status, found


@contextmanager
def asking(api: SignedApi) -> Iterator[Answers]:
    """Ask every 50 ms until the block ends, whatever comes back; the answers are counted.

    A machine that is slower than that is asked as often as it answers.
    """
    found, lock, stop = Answers(), threading.Lock(), threading.Event()
    free = threading.Semaphore(CLIENTS)

    def once() -> None:
        began = time.monotonic()
        try:
            status, answer = ask(api)
        except (OSError, HTTPException) as error:
            status, answer = 0, {"title": type(error).__name__}
        finally:
            free.release()
        with lock:
            found.count(status, answer, time.monotonic() - began)

    def go() -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            due = time.monotonic()
            while not stop.is_set():
                free.acquire()
                pool.submit(once)
                due = max(due + EVERY_SECONDS, time.monotonic() - 1)
                stop.wait(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=go, daemon=True, name="client")
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
