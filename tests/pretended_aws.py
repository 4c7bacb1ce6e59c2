"""moto without what it does anew for each request, test and client; for quick tests."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3
from botocore.useragent import UserAgentString
from moto import mock_aws
from moto.core import models
from moto.core.base_backend import BaseBackend

__all__ = ["client", "mock_aws"]

# For each request moto imports S3's addresses again and builds those of the service.
_urls: dict[type, Any] = {}
_build_urls: Any = BaseBackend.urls.fget  # type: ignore[attr-defined]


def urls(backend: BaseBackend) -> Any:
    """The addresses of a service, which no test changes."""
    kind = type(backend)
    if kind not in _urls:
        _urls[kind] = _build_urls(backend)
    return _urls[kind]


BaseBackend.urls = property(urls)  # type: ignore[assignment,method-assign]
# Seven hundred answers for the package `requests`, which nothing of ours asks through.
models.RESPONSES_METHODS = []


def _agent(self: Any) -> str:
    """A client's own word for itself is kept: in a whole run e2e's clients are asked by it."""
    return getattr(self._client_config, "_supplied_user_agent", None) or "Boto3/pretended"


# Put together twice for each request out of twenty parts.
UserAgentString.to_string = _agent  # type: ignore[method-assign]


def client(service: str, **how: Any) -> Any:
    """A client of boto3, made once for each environment that it would be made from."""
    environment = frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))
    return _client(service, environment, tuple(sorted(how.items(), key=lambda item: item[0])))


@functools.cache
def _client(service: str, environment: frozenset[tuple[str, str]], how: tuple[Any, ...]) -> Any:
    return boto3.client(service, **dict(how))  # type: ignore[call-overload]
