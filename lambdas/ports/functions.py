"""Lambda functions, called by a person's command."""

from __future__ import annotations

import json
from typing import Any

from lambdas.ports.clients import client
from reviews.errors import ReviewStarsError


class FunctionError(ReviewStarsError):
    """The function raised; its own words are in the message."""


def invoke(name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Call a function, wait for its answer and return it.

    Raises FunctionError where it raised.
    """
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    body: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
    if answer.get("FunctionError"):
        raise FunctionError(f"{name}: {body.get('errorType')}: {body.get('errorMessage')}")
    return body
