"""Signed requests to our own API."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

from lambdas.ports.roles import Credentials

TIMEOUT_SECONDS = 30
USER_AGENT = "review-stars/1"  # a firewall of AWS's core rules blocks who names none


def base_url(api_id: str, api_stage: str) -> str:
    """The address of a stage, on AWS or where AWS_ENDPOINT_URL points."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint}/restapis/{api_id}/{api_stage}/_user_request_"
    region = os.environ["AWS_REGION"]
    return f"https://{api_id}.execute-api.{region}.amazonaws.com/{api_stage}"


@dataclass
class SignedApi:
    """A stage of our API, called with a role's credentials, or with those of this process.

    certificate_ends: of the certificate that the last call met, in seconds since 1970.
    """

    api_id: str
    api_stage: str
    credentials: Credentials | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    certificate_ends: float | None = field(default=None, init=False)

    @property
    def base_url(self) -> str:
        """The address without `/v1`."""
        return base_url(self.api_id, self.api_stage)

    def get(self, path: str) -> tuple[int, bytes]:
        """One signed GET; returns status and body, whatever the status is."""
        return self._send("GET", path, b"")

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """One signed POST; returns status and body, whatever the status is."""
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        url = self.base_url + path
        headers = {"content-type": "application/json", "user-agent": USER_AGENT}
        request = AWSRequest(method, url, data=body, headers=headers)
        SigV4Auth(self._keys(), "execute-api", os.environ["AWS_REGION"]).add_auth(request)
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        connection = HTTPSConnection(
            parts.hostname or "", parts.port, timeout=self.timeout_seconds, context=context
        )
        try:
            connection.request(method, parts.path, body, dict(request.headers.items()))
            self.certificate_ends = _end(connection)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _keys(self) -> Keys:
        if self.credentials:
            c = self.credentials
            return Keys(c.access_key_id, c.secret_access_key, c.session_token)
        found = boto3.Session().get_credentials()
        if found is None:
            raise RuntimeError("this process has no AWS credentials to sign with")
        return found.get_frozen_credentials()  # type: ignore[return-value]


def _end(connection: HTTPSConnection) -> float | None:
    """When the certificate at the other end ends."""
    found = connection.sock.getpeercert() if isinstance(connection.sock, ssl.SSLSocket) else None
    return ssl.cert_time_to_seconds(str(found["notAfter"])) if found else None
