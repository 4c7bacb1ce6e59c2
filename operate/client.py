"""A client of the API: a role that may call it and nothing else, and signed requests."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lambdas.ports.api import Api
from lambdas.ports.roles import Credentials

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


@dataclass(frozen=True)
class Answered:
    """What the API said to our questions. base_url: with the stage, without `/v1`."""

    base_url: str
    status: int
    stars: list[int | None]
    last: dict[str, object]
    p50_milliseconds: float


def write_environment(path: Path, api_url: str, credentials: Credentials) -> None:
    """Leave what a shell needs to call the API: one NAME=value a line, readable by us alone."""
    values = {
        "API_URL": api_url,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_REGION": os.environ["AWS_REGION"],
        "AWS_DEFAULT_REGION": os.environ["AWS_REGION"],
        "AWS_CA_BUNDLE": os.environ.get("AWS_CA_BUNDLE", ""),
    }
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items() if value))


def ask(api: Api) -> Answered:
    """Ask a few questions several times; the median is over all answers, the first one too."""
    stars: list[int | None] = []
    last: dict[str, object] = {}
    status = 0
    took: list[float] = []
    for round_ in range(ROUNDS):
        for question in QUESTIONS:
            began = time.perf_counter()
            status, body = api.post("/v1/ratings", json.dumps(question).encode())
            took.append((time.perf_counter() - began) * 1000)
            if status != 200:
                return Answered(
                    api.base_url, status, stars, json.loads(body or b"{}"), median(took)
                )
            last = json.loads(body)
            if round_ == 0:
                value = last.get("stars")
                stars.append(value if isinstance(value, int) else None)
    return Answered(api.base_url, status, stars, last, round(median(took), 1))
