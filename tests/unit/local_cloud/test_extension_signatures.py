"""Signatures that AWS refuses: another service or region, another time, headers left out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.session import Session

from local_cloud.extension import signatures
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, may
from tests.unit.local_cloud.test_extension_gateway import api

URL = "https://localhost:4566"
JSON = {"Content-Type": "application/x-amz-json-1.0"}


class Caller:
    """Somebody with a role, who signs as asked."""

    def __init__(self, cloud: Cloud, *rights: dict[str, Any]) -> None:
        self.cloud = cloud
        found = cloud.assume(cloud.role("caller", "account", *rights))
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        self.keys = Credentials(*(found[name] for name in names))

    def send(
        self,
        path: str,
        service: str = "execute-api",
        region: str = REGION,
        *,
        auth: Callable[..., Any] = SigV4Auth,
        method: str = "GET",
        body: bytes = b"",
        change: Callable[[AWSRequest], None] = lambda request: None,
        **headers: str,
    ) -> AWSResponse:
        request = AWSRequest(method, f"{URL}{path}", headers=headers, data=body)
        auth(self.keys, service, region).add_auth(request)
        change(request)
        return self.cloud._send(request.prepare())


def message(answer: AWSResponse) -> str:
    return str(json.loads(answer.content)["message"])


@pytest.fixture
def caller(cloud: Cloud) -> Caller:
    return Caller(cloud, may("execute-api:Invoke", "states:*", "s3:*"))


@pytest.fixture
def path(cloud: Cloud) -> str:
    return f"{api(cloud, may('logs:*'))}/model"


@pytest.mark.parametrize("auth", [SigV4Auth, SigV4QueryAuth])
def test_a_signature_for_our_api_is_accepted(
    caller: Caller, path: str, auth: Callable[..., Any]
) -> None:
    assert caller.send(path, auth=auth).status_code == 200


@pytest.mark.parametrize("auth", [SigV4Auth, SigV4QueryAuth])
@pytest.mark.parametrize("service", ["lambda", "s3", "apigateway", "sagemaker", "anything"])
def test_a_signature_for_another_service_is_refused(
    caller: Caller, path: str, service: str, auth: Callable[..., Any]
) -> None:
    answer = caller.send(path, service, auth=auth)
    assert answer.status_code == 403
    assert message(answer).startswith("Credential should be scoped to correct service:")
    assert "'execute-api'" in message(answer) or (service, auth) == ("s3", SigV4QueryAuth)


@pytest.mark.parametrize("auth", [SigV4Auth, SigV4QueryAuth])
def test_a_signature_for_another_region_is_refused(
    caller: Caller, path: str, auth: Callable[..., Any]
) -> None:
    answer = caller.send(path, region="eu-west-1", auth=auth)
    assert answer.status_code == 403
    assert message(answer) == "Credential should be scoped to a valid region. "


def list_machines(caller: Caller, service: str) -> AWSResponse:
    target = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines", **JSON}
    return caller.send("/", service, method="POST", body=b"{}", **target)


def test_a_service_with_a_target_header_wants_its_own_scope_too(caller: Caller) -> None:
    assert list_machines(caller, "states").status_code == 200
    for service in ("lambda", "s3", "nothing"):
        answer = list_machines(caller, service)
        assert answer.status_code == 400, service  # as JSON services answer
        assert "Credential should be scoped to correct service: 'states'" in message(answer)


def test_a_scope_of_no_service_reads_no_model(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MiniStack read all of them: three seconds in which nobody else is answered."""
    read: list[str] = []
    monkeypatch.setattr(signatures.router, "_KNOWN_AWS_SERVICE_NAMES", None)
    monkeypatch.setattr(Session, "get_service_model", lambda self, name, *_: read.append(name))
    signatures._routed.cache_clear()
    assert list_machines(caller, "nothing").status_code == 400
    assert signatures.router.detect_service("GET", "/", scope("glacier"), {}) == "glacier"
    assert signatures.router.detect_service("GET", "/", scope("nothing"), {}) == "s3"
    assert read == []


def scope(service: str) -> dict[str, str]:
    return {"authorization": f"Credential=k/d/r/{service}/x"}


def test_s3_wants_its_own_scope_too(caller: Caller, cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="raw")
    cloud.client("s3").put_object(Bucket="raw", Key="a", Body=b"x")
    hashed = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert caller.send("/raw/a", "s3", **hashed).content == b"x"
    answer = caller.send("/raw/a", "nothing", **hashed)
    assert answer.status_code == 400
    assert b"AuthorizationHeaderMalformed" in answer.content


def test_the_account_s_own_key_is_held_to_its_scope_too(cloud: Cloud, path: str) -> None:
    root = Caller(cloud, may("execute-api:Invoke"))
    root.keys = Credentials(ACCOUNT, "local")
    assert root.send(path).status_code == 200
    assert root.send(path, "lambda").status_code == 403


def moved(minutes: int) -> Callable[..., Any]:
    """A signer whose clock is wrong by so many minutes."""

    class Moved(SigV4Auth):
        def add_auth(self, request: Any) -> None:
            at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
            request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
            self._modify_request_before_signing(request)
            canonical = self.canonical_request(request)
            text = self.string_to_sign(request, canonical)
            self._inject_signature_to_request(request, self.signature(text, request))

    return Moved


@pytest.mark.parametrize(
    ("minutes", "reason"), [(-16, "Signature expired"), (16, "Signature not yet current")]
)
def test_a_date_that_is_off_by_more_than_a_quarter_of_an_hour_is_refused(
    caller: Caller, path: str, minutes: int, reason: str
) -> None:
    answer = caller.send(path, auth=moved(minutes))
    assert (answer.status_code, message(answer)[: len(reason)]) == (403, reason)
    assert caller.send(path, auth=moved(0)).status_code == 200


def presigned(minutes: int, lifetime_seconds: int) -> signatures.Claim:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)
    query = {
        "X-Amz-Algorithm": ["AWS4-HMAC-SHA256"],
        "X-Amz-Credential": [f"AKIA/{at:%Y%m%d}/{REGION}/execute-api/aws4_request"],
        "X-Amz-Date": [f"{at:%Y%m%dT%H%M%SZ}"],
        "X-Amz-Expires": [str(lifetime_seconds)],
        "X-Amz-SignedHeaders": ["host"],
        "X-Amz-Signature": ["0"],
    }
    found = signatures.claim("GET", "/", query, [])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("minutes", "lifetime_seconds", "is_refused"),
    [(0, 60, False), (2, 300, False), (2, 60, True), (2, 0, True), (20, 3600, True)],
)
def test_a_signed_address_ends_with_its_lifetime(
    cloud: Cloud, minutes: int, lifetime_seconds: int, is_refused: bool
) -> None:
    found = presigned(minutes, lifetime_seconds)
    why = signatures.reason(found, "execute-api", now=dt.datetime.now(dt.UTC))
    assert bool(why) is is_refused
    if why:
        assert why[1].startswith("Signature expired: ")


def test_an_expired_address_is_refused_by_the_gateway(caller: Caller, path: str) -> None:
    def expiring(keys: Any, service: str, region: str) -> Any:
        return SigV4QueryAuth(keys, service, region, expires=-1)

    answer = caller.send(path, auth=expiring)
    assert answer.status_code == 403
    assert message(answer).startswith("Signature expired: ")


def test_a_signature_that_leaves_the_host_out_is_refused(caller: Caller, path: str) -> None:
    class WithoutHost(SigV4Auth):
        def headers_to_sign(self, request: Any) -> Any:
            found = super().headers_to_sign(request)
            del found["host"]
            return found

    answer = caller.send(path, auth=WithoutHost)
    assert answer.status_code == 403
    assert message(answer).startswith("'Host' or ':authority' must be a 'SignedHeader'")


def test_s3_takes_no_header_of_its_own_that_is_not_signed(caller: Caller, cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="raw")
    hashed = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}

    def add(request: AWSRequest) -> None:
        request.headers["x-amz-meta-owner"] = "somebody"

    answer = caller.send("/raw/a", "s3", method="PUT", body=b"x", change=add, **hashed)
    assert answer.status_code == 403
    assert b"headers present in the request which were not signed" in answer.content
    with pytest.raises(ClientError):
        cloud.client("s3").head_object(Bucket="raw", Key="a")


def test_a_changed_signature_is_refused(caller: Caller, path: str) -> None:
    def change(request: AWSRequest) -> None:
        text = request.headers["Authorization"]
        request.headers.replace_header(
            "Authorization", text[:-1] + ("0" if text[-1] != "0" else "1")
        )

    assert caller.send(path, change=change).status_code == 403
