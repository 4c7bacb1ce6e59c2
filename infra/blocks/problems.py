"""What the gateway answers itself, in the form of all our errors: problem details, RFC 9457."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from lambdas.contract.firewall import FILTERED

Type = apigateway.ResponseType


@dataclass(frozen=True)
class Problem:
    """One kind of answer. Its text is fixed: the gateway's own may repeat what was sent."""

    type: apigateway.ResponseType
    status: int
    title: str
    detail: str
    retry_after_seconds: int | None = None


FORBIDDEN = "Sign the request with AWS Signature Version 4 (service execute-api) and a role"

PROBLEMS = {
    "Denied": Problem(
        Type.ACCESS_DENIED, 403, "Forbidden", f"{FORBIDDEN} that may call this route."
    ),
    "Unsigned": Problem(
        Type.MISSING_AUTHENTICATION_TOKEN, 403, "Forbidden", f"{FORBIDDEN} that may call it."
    ),
    "Signature": Problem(
        Type.INVALID_SIGNATURE, 403, "Forbidden", "The signature does not fit the request."
    ),
    "Expired": Problem(Type.EXPIRED_TOKEN, 403, "Forbidden", "The credentials have expired."),
    "Filtered": Problem(Type.WAF_FILTERED, 403, "Forbidden", FILTERED),
    "Body": Problem(Type.BAD_REQUEST_BODY, 400, "Bad Request", "The body must be a JSON object."),
    "Parameters": Problem(
        Type.BAD_REQUEST_PARAMETERS, 400, "Bad Request", "A parameter is missing or wrong."
    ),
    "TooLarge": Problem(
        Type.REQUEST_TOO_LARGE, 413, "Content Too Large", "The body may have 1 MiB."
    ),
    "MediaType": Problem(
        Type.UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported Media Type", "Send application/json."
    ),
    "Throttled": Problem(
        Type.THROTTLED, 429, "Too Many Requests", "Try again later.", retry_after_seconds=1
    ),
    "Quota": Problem(Type.QUOTA_EXCEEDED, 429, "Too Many Requests", "The quota is used up.", 3600),
    "Timeout": Problem(
        Type.INTEGRATION_TIMEOUT, 504, "Gateway Timeout", "The answer took too long."
    ),
    "Integration": Problem(
        Type.INTEGRATION_FAILURE, 503, "Service Unavailable", "Try again later.", 5
    ),
    "NotFound": Problem(
        Type.RESOURCE_NOT_FOUND, 404, "Not Found", "There is nothing at this path."
    ),
    "OtherError": Problem(Type.DEFAULT_4_XX, 400, "Request Refused", "The request was refused."),
    "OtherFailure": Problem(Type.DEFAULT_5_XX, 503, "Service Unavailable", "Try again later.", 5),
}

# Answers whose status the gateway chooses: one of our own would hide which of many it was.
KEEP_STATUS = {"OtherError"}


class Problems(Construct):
    """The gateway responses of one API."""

    def __init__(self, scope: Construct, id: str, *, api: apigateway.RestApi) -> None:
        super().__init__(scope, id)
        for name, problem in PROBLEMS.items():
            headers = {"Content-Type": "'application/problem+json'"}
            if problem.retry_after_seconds is not None:
                headers["Retry-After"] = f"'{problem.retry_after_seconds}'"
            api.add_gateway_response(
                f"Problem{name}",
                type=problem.type,
                status_code=None if name in KEEP_STATUS else str(problem.status),
                response_headers=headers,
                templates={"application/json": template(name, problem)},
            )


def template(name: str, problem: Problem) -> str:
    """The body; the request's id is the only value in it."""
    body: dict[str, object] = {"type": "about:blank", "title": problem.title}
    if name not in KEEP_STATUS:
        body["status"] = problem.status
    body |= {"detail": problem.detail, "request_id": "$context.requestId"}
    return json.dumps(body)
