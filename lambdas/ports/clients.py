"""AWS clients, one a service and process, with time-outs that a caller can live with."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

# Longest: a model that wakes up answers within the 60 s of InvokeEndpoint.
CONFIG = Config(connect_timeout=5, read_timeout=65, retries={"mode": "standard", "max_attempts": 4})


@cache
def client(service: str) -> Any:
    """The client of a service; credentials, region and endpoint come from the environment."""
    return boto3.client(service, config=CONFIG)


@cache
def impatient_client(service: str, timeout_milliseconds: int) -> Any:
    """A client that asks once and gives up early: for what may be dropped."""
    seconds = timeout_milliseconds / 1000
    config = Config(
        connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}
    )
    return boto3.client(service, config=config)
