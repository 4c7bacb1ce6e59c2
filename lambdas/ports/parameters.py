"""SSM parameters."""

from __future__ import annotations

from lambdas.ports.clients import client


def read(name: str) -> str:
    """The value of a parameter."""
    return str(client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
