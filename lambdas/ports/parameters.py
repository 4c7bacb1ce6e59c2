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
        return str(client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except (BotoCoreError, ClientError) as error:
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else error
        raise NotReadyError(f"the parameter {name} cannot be read: {reason}") from None
