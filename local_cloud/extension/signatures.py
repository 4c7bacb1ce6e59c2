"""What a signature is for: its service, region, time and headers, before it is verified.

Gap: MiniStack recomputes a signature with whatever scope it names, so one for `lambda` opens
API Gateway; it takes X-Amz-Expires for S3 alone; it asks nothing of the signed headers.
At the first scope that it does not know it reads every model of botocore, which takes three seconds
and 400 MB while nobody else is answered.
Delete when it refuses these and reads none. Differences that stay: the account's own key (its
number) is taken with any secret; a service that stands only in a model is one of none.
Source: "Troubleshoot AWS Signature Version 4" in the IAM guide, for the messages.
"""

import contextvars
import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import botocore.session
import ministack.app as ministack
from ministack.core import iam_actions, iam_evaluator, router, sigv4
from ministack.services import apigateway_v1

SCOPE, UNSIGNED = "CredentialScope", "UnsignedHeader"  # our codes in MiniStack's tables
_NOWHERE = "no-such-service"


@dataclass(frozen=True)
class Claim:
    """A signature as it came, and the request around it."""

    signature: Any
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    is_presigned: bool


_claim: contextvars.ContextVar[Claim | None] = contextvars.ContextVar("claim", default=None)


def install() -> None:
    """Keep each signature when it comes in, and check it before anything is decided."""
    pin: Callable[..., None] = ministack.pin_signed_request
    enforce: Callable[..., Any] = iam_evaluator.enforce
    router._is_aws_service_name = lambda scope_name: scope_name in _services()
    check: Callable[..., Any] = iam_evaluator.check_credentials

    def pin_signed_request(
        method: str,
        raw_path: str,
        query_params: dict[str, Any],
        raw_headers: list[tuple[bytes, bytes]],
        handshake: bool = False,
    ) -> None:
        _claim.set(claim(method, raw_path, query_params, raw_headers))
        pin(method, raw_path, query_params, raw_headers, handshake)

    def enforce_signature(
        access_key_id: str, iam_action: str, service: str, *more: Any, **named: Any
    ) -> Any:
        refused = _refusal("execute-api" if iam_action.startswith("execute-api:") else service)
        return refused or enforce(access_key_id, iam_action, service, *more, **named)

    def check_credentials(access_key_id: str, service: str | None = None) -> Any:
        return _refusal(service or "") or check(access_key_id, service)

    ministack.pin_signed_request = pin_signed_request
    iam_evaluator.enforce = enforce_signature
    iam_evaluator.check_credentials = check_credentials
    json_code, malformed = "InvalidSignatureException", "AuthorizationHeaderMalformed"
    iam_actions._AUTH_FAILURES[SCOPE] = (
        "SignatureDoesNotMatch", 403, json_code,
        (malformed, 400, "The authorization header is malformed; the service is wrong."),
    )  # fmt: skip
    iam_actions._AUTH_FAILURES[UNSIGNED] = (
        "SignatureDoesNotMatch", 403, json_code,
        ("AccessDenied", 403, "There were headers present in the request which were not signed"),
    )  # fmt: skip
    for code in (SCOPE, UNSIGNED):
        apigateway_v1._AUTHENTICATION_GATEWAY_ERRORS[code] = ("INVALID_SIGNATURE", json_code)


def claim(
    method: str, path: str, query: dict[str, Any], raw_headers: list[tuple[bytes, bytes]]
) -> Claim | None:
    """The SigV4 signature of a request; None for one without, or with another kind."""
    headers = {
        name.decode("latin-1").lower(): sigv4.decode_header_value(value)
        for name, value in raw_headers
    }
    if headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
        found, is_presigned = sigv4.parse_header_signature(headers), False
    elif "X-Amz-Signature" in query:
        found, is_presigned = sigv4.parse_query_signature(query), True
    else:
        return None
    if isinstance(found, tuple):  # incomplete, which MiniStack refuses itself
        return None
    return Claim(found, method, path, headers, query, is_presigned)


def _refusal(service: str) -> Any:
    """Why the current request's signature does not count for a service, or None; asked once."""
    found = _claim.get()
    _claim.set(None)
    why = reason(found, service, now=dt.datetime.now(dt.UTC)) if found else None
    return iam_evaluator.AuthError(*why) if why else None


def reason(found: Claim, service: str, *, now: dt.datetime) -> tuple[str, str] | None:
    """Code and message of the first thing that AWS would refuse, or None."""
    signature = found.signature
    if not _is_for(found, service):
        return SCOPE, f"Credential should be scoped to correct service: '{service}'. "
    home = os.environ.get("MINISTACK_REGION", "us-east-1")
    if service != "s3" and signature.region != home:  # S3 names its bucket's region
        return SCOPE, "Credential should be scoped to a valid region. "
    signed = signature.signed_headers.lower().split(";")
    if "host" not in signed:
        return UNSIGNED, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    if service == "s3" and found.is_presigned:
        return None  # MiniStack knows the rest for S3's signed addresses
    own = [name for name in found.headers if name.startswith("x-amz-")]
    if service == "s3" and not set(own) <= set(signed):
        return UNSIGNED, "There were headers present in the request which were not signed"
    return _time_failure(found, now=now)


def _time_failure(found: Claim, *, now: dt.datetime) -> tuple[str, str] | None:
    signature = found.signature
    skewed: tuple[str, str] | None = sigv4.request_time_failure(signature, now=now)
    if skewed or not found.is_presigned:
        return skewed
    lifetime = (found.query.get("X-Amz-Expires") or ["604800"])[0]
    try:
        expired = sigv4.presigned_request_is_expired(signature.amz_date, lifetime, now=now)
    except ValueError:
        return "IncompleteSignature", "X-Amz-Expires should be a number"
    if not expired:
        return None
    end = now - dt.timedelta(seconds=int(lifetime))
    return "RequestTimeTooSkewed", (
        f"Signature expired: {signature.amz_date} is now earlier than {_stamp(end)} "
        f"({_stamp(now)} - {lifetime} sec.)"
    )


def _is_for(found: Claim, service: str) -> bool:
    """Whether the scope of a signature names this service, by MiniStack's own routing."""
    scope = found.signature.service
    if service in ("execute-api", "apigateway", "s3"):
        return bool(scope == service)
    if scope == service or _routed(scope) == service:
        return True
    if not _routed(scope):
        return False
    named = {name: text for name, text in found.headers.items() if name != "x-amz-target"}
    by_path = router.detect_service(found.method, found.path, named, dict(found.query))
    return bool(by_path == service)


@lru_cache
def _routed(scope: str) -> str:
    """The service that a scope alone leads to; empty for a scope of none."""
    default, found = (
        str(router.detect_service("GET", "/", {"authorization": f"Credential=k/d/r/{name}/x"}, {}))
        for name in (_NOWHERE, scope)
    )
    return "" if found == default and scope != default else found


@cache
def _services() -> frozenset[str]:
    """Names that a scope may have: botocore's folders, and its one file of endpoints."""
    loader = botocore.session.get_session().get_component("data_loader")
    names = set(loader.list_available_services("service-2"))
    for partition in loader.load_data("endpoints")["partitions"]:
        names.update(partition["services"])
    return frozenset(names)


def _stamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")
