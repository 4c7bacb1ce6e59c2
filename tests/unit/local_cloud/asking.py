"""How tests ask one operation of the emulator and see what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    """Code and status of the error that a call is answered with; fails where there is none."""
    try:
        call(**parameters)
    except ClientError as error:
        metadata = error.response["ResponseMetadata"]
        return error.response["Error"]["Code"], metadata["HTTPStatusCode"]
    raise AssertionError("the call was answered without an error")


def status(answer: dict[str, Any]) -> int:
    """The HTTP status of an answer."""
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])
