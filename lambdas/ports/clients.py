"""AWS clients, one a service and process, with time-outs that a caller can live with."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 4})
_make: Any = boto3.client  # its stub knows only names written out


@cache
def client(service: str) -> Any:
    """The client of a service; credentials, region and endpoint come from the environment."""
    return _make(service, config=CONFIG)


def forget() -> None:
    """Make every client anew, with the credentials that the environment has from now on."""
    client.cache_clear()
    client_within.cache_clear()
    boto3.DEFAULT_SESSION = None


@cache
def client_within(service: str, seconds: float, attempts: int = 1) -> Any:
    """A client that waits so long for a connection, so long for an answer, and asks so often."""
    config = Config(
        connect_timeout=seconds,
        read_timeout=seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return _make(service, config=config)
