"""Answers over HTTP; the one place where an error becomes a status."""

from __future__ import annotations

from typing import Any

import msgspec

from lambdas.contract.problems import ENDPOINT_MISSING, NOT_DEPLOYED, type_of
from lambdas.ports.endpoint import NotDeployedError
from lambdas.ratings.live import EndpointMissingError
from lambdas.ratings.request import MediaTypeError
from reviews.errors import (
    DeadlineError,
    ModelError,
    NotReadyError,
    RequestError,
    ReviewStarsError,
    TooLargeError,
)

Response = dict[str, Any]


class UnknownRouteError(RequestError):
    """There is nothing at this path."""


class MethodError(RequestError):
    """The path takes other methods; `allowed` lists them."""

    def __init__(self, allowed: str) -> None:
        super().__init__(f"this path takes {allowed}")
        self.allowed = allowed


# The first class of an error's family that stands here counts; nothing is a 500.
STATUS: dict[type[BaseException], int] = {
    RequestError: 400,
    UnknownRouteError: 404,
    MethodError: 405,
    TooLargeError: 413,
    MediaTypeError: 415,
    NotReadyError: 503,
    ModelError: 503,
    DeadlineError: 504,
    Exception: 503,
}
TITLES = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
RETRY_SECONDS = 5
NOT_DEPLOYED_SECONDS = 60
JSON, PROBLEM = "application/json", "application/problem+json"


def status_of(error: Exception) -> int:
    """The status that an error is answered with."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def is_ours(error: Exception) -> bool:
    """Whether an error counts against us: where no model was released, nothing is wrong."""
    return status_of(error) >= 500 and not isinstance(error, NotDeployedError)


def answer(content: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return document(msgspec.json.encode(content).decode(), JSON, status)


def document(body: str, media_type: str, status: int = 200, **headers: str) -> Response:
    """Any answer; headers by name, `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    head = {"Content-Type": media_type, "Cache-Control": "no-store", **named}
    return {"statusCode": status, "headers": head, "body": body, "isBase64Encoded": False}


def problem(error: Exception, request_id: str) -> Response:
    """Problem details, RFC 9457; of an error that is not ours to explain, no word is repeated."""
    status = status_of(error)
    content: dict[str, Any] = {"type": "about:blank", "title": TITLES[status], "status": status}
    headers = {"Retry_After": str(RETRY_SECONDS)} if status == 503 else {}
    if isinstance(error, NotDeployedError):
        content["type"] = type_of(NOT_DEPLOYED)
        content["detail"] = f"{NOT_DEPLOYED}: no model is released"
        headers["Retry_After"] = str(NOT_DEPLOYED_SECONDS)
    elif isinstance(error, EndpointMissingError):
        content["type"] = type_of(ENDPOINT_MISSING)
        content["detail"] = f"{ENDPOINT_MISSING}: a model is released, and its endpoint is gone"
    elif isinstance(error, ReviewStarsError):
        content["detail"] = str(error)
    else:
        content["detail"] = "something went wrong here; try again later"
    if isinstance(error, RequestError) and error.pointer:
        content["pointer"] = error.pointer
    if isinstance(error, MethodError):
        headers["Allow"] = error.allowed
    content["request_id"] = request_id
    return document(msgspec.json.encode(content).decode(), PROBLEM, status, **headers)
