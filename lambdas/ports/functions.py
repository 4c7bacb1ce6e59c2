"""Lambda functions, called by a person's command, and their published versions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.ports.clients import client
from reviews.errors import ReviewStarsError


class FunctionError(ReviewStarsError):
    """The function raised; its own words are in the message."""


@dataclass(frozen=True)
class Version:
    """A published version of a function; a later one has a greater number."""

    number: int
    published: datetime


def versions(name: str) -> list[Version]:
    """The published versions of a function."""
    pages = client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=name)
    return [
        Version(int(item["Version"]), datetime.fromisoformat(item["LastModified"]))
        for page in pages
        for item in page["Versions"]
        if item["Version"].isdigit()  # $LATEST is none
    ]


def concurrency_quota() -> int:
    """How many functions this account and region run at once, as AWS has it now."""
    limits = client("lambda").get_account_settings()["AccountLimit"]
    return int(limits["ConcurrentExecutions"])


def delete_version(name: str, number: int) -> None:
    """Delete one published version; the function stays."""
    client("lambda").delete_function(FunctionName=name, Qualifier=str(number))


def invoke(name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Call a function, wait for its answer and return it.

    Raises FunctionError where it raised.
    """
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    body: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
    if answer.get("FunctionError"):
        raise FunctionError(f"{name}: {body.get('errorType')}: {body.get('errorMessage')}")
    return body
