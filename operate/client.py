"""A client of the API: a role that may call it and nothing else, and signed requests."""

from __future__ import annotations

import json
import os
import shlex
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from lambdas.contract import outputs
from lambdas.ports.api import SignedApi
from lambdas.ports.roles import Credentials, assume_role
from operate.deployment import Deployment
from operate.errors import InputError, OperateError

QUESTIONS = (
    {
        "title": "Broke after two days",
        "text": "It stopped charging on the second day and the seller never answered. "
        "Waste of money.",
        "verified_purchase": True,
    },
    {
        "title": "Good, not great",
        "text": "Works as described, but the cable is short and it gets warm. Okay for the price.",
        "verified_purchase": True,
    },
    {
        "title": "Love it!",
        "text": "Perfect fit, easy to set up and it sounds amazing. Highly recommend to everyone!",
        "verified_purchase": True,
        "explain": True,
    },
)
ROUNDS = 5
SPARE = timedelta(minutes=20)  # of life that client.env has left, at least, while we serve
FILE = "client.env"


@dataclass(frozen=True)
class Answers:
    """What the API said to our questions. base_url: with the stage, without `/v1`."""

    base_url: str
    status: int
    stars: list[int | None]
    last: dict[str, object]
    p50_milliseconds: float


@dataclass
class ClientFile:
    """`client.env`: what a shell needs to call the API, good for an hour, renewed before."""

    deployment: Deployment
    path: Path
    expires: datetime | None = None

    def renew(self) -> Credentials:
        """Write the file with new credentials of the client's role, and return them."""
        credentials = assume_role(self.deployment[outputs.CLIENT_ROLE_ARN], session="client")
        write_environment(self.path, _api(self.deployment).base_url, credentials)
        self.expires = credentials.expires
        return credentials

    def keep_fresh(self, now: datetime) -> bool:
        """Renew it where it would soon expire; returns whether it was renewed."""
        if self.expires is not None and self.expires - now > SPARE:
            return False
        self.renew()
        return True


def write_environment(path: Path, api_url: str, credentials: Credentials) -> None:
    """Leave what a shell needs to call the API: one NAME=value a line, readable by us alone.

    Values are quoted for sh where they need it; the file is replaced whole.
    """
    values = {
        "API_URL": api_url,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_REGION": os.environ["AWS_REGION"],
        "AWS_DEFAULT_REGION": os.environ["AWS_REGION"],
        "AWS_CA_BUNDLE": os.environ.get("AWS_CA_BUNDLE", ""),
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items() if value]
    draft = path.with_name(f"{path.name}.part")
    draft.touch(mode=0o600)
    draft.write_text("".join(lines))
    draft.replace(path)


def read_environment(path: Path) -> dict[str, str]:
    """The values of a client.env, by name."""
    assignments = [shlex.split(line)[0] for line in path.read_text().splitlines()]
    return dict(assignment.split("=", 1) for assignment in assignments)


def probe(api: SignedApi) -> Answers:
    """Ask a few questions several times; the median is over all answers, the first one too."""
    stars: list[int | None] = []
    last: dict[str, object] = {}
    status = 0
    took: list[float] = []
    for round_ in range(ROUNDS):
        for question in QUESTIONS:
            began = time.perf_counter()
            # The questions are English; a model of another language shows its stars all the same.
            asked = json.dumps({**question, "allow_unsupported": True}).encode()
            status, body = api.post("/v1/ratings", asked)
            took.append((time.perf_counter() - began) * 1000)
            if status != 200:
                return Answers(api.base_url, status, stars, _parsed(body), median(took))
            last = json.loads(body)
            if round_ == 0:
                value = last.get("stars")
                stars.append(value if isinstance(value, int) else None)
    return Answers(api.base_url, status, stars, last, round(median(took), 1))


def probe_as(deployment: Deployment) -> Answers:
    """Ask with the probe's role: such questions count in no window of the monitor."""
    role = assume_role(deployment[outputs.PROBE_ROLE_ARN], session="make-run")
    return probe(_api(deployment, role))


def ask(deployment: Deployment, review: dict[str, Any]) -> dict[str, Any]:
    """Ask for the stars of one review as a client does; on the local stage client.env is renewed.

    Raises InputError where the API refuses the review, OperateError where it does not answer 200.
    """
    if deployment.place.is_local:
        role = ClientFile(deployment, deployment.place.home / FILE).renew()
    else:
        role = assume_role(deployment[outputs.CLIENT_ROLE_ARN], session="client")
    body = json.dumps(review).encode()
    status, answered = _api(deployment, role).post("/v1/ratings", body)
    answer = _parsed(answered)
    if status == 200:
        return answer
    kind = InputError if status in (400, 413, 415) else OperateError
    raise kind(f"the API answered {status}: {problem(answer)}")


def problem(answer: dict[str, Any]) -> str:
    """What an answer in problem form says, with the field that it points to."""
    reason = answer.get("detail") or answer.get("title") or answer.get("message")
    pointer = f"{answer['pointer']}: " if answer.get("pointer") else ""
    return f"{pointer}{reason or 'it gave no reason'}"


def _api(deployment: Deployment, credentials: Credentials | None = None) -> SignedApi:
    return SignedApi(
        deployment[outputs.API_ID], deployment[outputs.API_STAGE], credentials=credentials
    )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body or b"{}")
    except ValueError:
        return {"detail": "what came is no JSON"}
    return answer if isinstance(answer, dict) else {"detail": "what came is no JSON object"}
