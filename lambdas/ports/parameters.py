"""SSM parameters."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.ports.clients import client
from reviews.errors import NotReadyError


def read(name: str) -> str:
    """The value of a parameter.

    Raises NotReadyError where it cannot be read.
    """
    try:
        return _value(name)
    except (BotoCoreError, ClientError) as error:
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else error
        raise NotReadyError(f"the parameter {name} cannot be read: {reason}") from None


def find(name: str) -> str | None:
    """The value of a parameter; None where there is no such parameter."""
    try:
        return _value(name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return None
        raise


def _value(name: str) -> str:
    return str(client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
