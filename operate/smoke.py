"""After a deploy: does the API answer, and with what it should?"""

from __future__ import annotations

import json
import math
import time
from typing import Any

from lambdas.contract import outputs
from lambdas.contract.problems import NOT_DEPLOYED, type_of
from lambdas.ports.api import SignedApi
from operate.client import problem
from operate.deployment import Deployment
from operate.errors import OperateError

QUESTION = {
    "title": "Broke",
    "text": "It stopped working after two days.",
    "allow_unsupported": True,
}
TRIES, WAIT_SECONDS = 5, 6.0  # an instance that has just begun is slow once
STARS = 5


def smoke(deployment: Deployment) -> str:
    """Ask for the model and for one review's stars; returns what was answered in a sentence.

    Raises OperateError where an answer is not what it must be, after some tries.
    """
    api = SignedApi(deployment[outputs.API_ID], deployment[outputs.API_STAGE])
    for attempt in range(TRIES):
        if attempt:
            time.sleep(WAIT_SECONDS)
        status, answer = _parsed(*api.post("/v1/ratings", json.dumps(QUESTION).encode()))
        if status == 503 and answer.get("type") == type_of(
            NOT_DEPLOYED
        ):  # a first deploy: no fault
            return "the API answers, and no model is released yet"
        if status == 200:
            break
    if status != 200:
        raise OperateError(f"the API answered {status}, {TRIES} times: {problem(answer)}")
    _check(answer)
    status, model = _parsed(*api.get("/v1/model"))
    if status != 200:
        raise OperateError(f"the API answered {status} to /v1/model: {problem(model)}")
    served, said = answer.get("model_version"), model.get("model_version")
    if served != said:
        raise OperateError(f"version {served} answers, and /v1/model says that {said} does")
    return f"version {served} answers: {answer['stars']} stars"


def _check(answer: dict[str, Any]) -> None:
    probabilities = answer.get("probabilities")
    if (
        not isinstance(probabilities, list)
        or len(probabilities) != STARS
        or not math.isclose(sum(probabilities), 1, abs_tol=1e-3)
    ):
        raise OperateError("the API answered 200 without five probabilities that add up to 1")
    if answer.get("stars") not in range(1, STARS + 1):
        raise OperateError(f"the API answered 200 with {answer.get('stars')!r} stars")


def _parsed(status: int, body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        answer = json.loads(body or b"{}")
    except ValueError:
        answer = {}
    return status, answer if isinstance(answer, dict) else {}
