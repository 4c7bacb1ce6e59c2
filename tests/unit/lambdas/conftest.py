"""A stage in miniature: buckets of moto, settings in the environment, handlers imported anew."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from lambdas.ports import clients
from lambdas.settings import Settings
from tests.pretended_aws import mock_aws

REGION = "us-east-1"
RAW, CURATED, MODELS, OBSERVATIONS = "raw", "curated", "models", "observations"
BUCKETS = (RAW, CURATED, MODELS, OBSERVATIONS)
Load = Callable[[str, Settings], ModuleType]


class Context:
    """What Lambda hands to a handler."""

    function_name = "function"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "11111111-2222-3333-4444-555555555555"

    def __init__(self, remaining_milliseconds: int = 900_000) -> None:
        self._remaining = remaining_milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining


@pytest.fixture(autouse=True)
def nobody_is_called(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> None:
    """Credentials that are no one's, and no way out of this process."""
    for name in ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, REGION)


@pytest.fixture
def aws(nobody_is_called: None) -> Iterator[None]:
    """AWS as moto knows it."""
    with mock_aws():
        yield


@pytest.fixture
def s3(aws: None) -> Any:
    """Four versioned buckets."""
    client = clients.client("s3")
    for bucket in BUCKETS:
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a handler's module under given settings."""

    def _load(name: str, settings: Settings) -> ModuleType:
        for variable, text in settings.to_env().items():
            monkeypatch.setenv(variable, text)
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return _load


def emitted(printed: str) -> list[dict[str, Any]]:
    """The metric lines among what was printed."""
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]
