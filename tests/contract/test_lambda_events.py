"""The events that AWS sends, as its documentation shows them, against the handlers."""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import (
    S3EventBridgeNotificationEvent as ObjectEvent,
)

from lambdas.settings import PreprocessSettings, RatingsSettings, Settings

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
OBJECT_CREATED: dict[str, Any] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-11-12T00:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:s3:::raw"],
    "detail": {
        "version": "0",
        "bucket": {"name": "raw"},
        "object": {
            "key": "incoming/two words & ü.jsonl",
            "size": 5,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "sequencer": "00617F08299329D189",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "1.2.3.4",
        "reason": "PutObject",
    },
}
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
PROXY: dict[str, Any] = {
    "resource": "/v1/health",
    "path": "/v1/health",
    "httpMethod": "GET",
    "headers": {"Accept": "*/*", "Host": "id.execute-api.us-east-1.amazonaws.com"},
    "multiValueHeaders": {"Accept": ["*/*"]},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
    "requestContext": {
        "accountId": "123456789012",
        "apiId": "id",
        "authorizer": None,
        "domainName": "id.execute-api.us-east-1.amazonaws.com",
        "extendedRequestId": "request-id",
        "httpMethod": "GET",
        "identity": {
            "accessKey": None,
            "accountId": None,
            "caller": None,
            "sourceIp": "1.2.3.4",
            "user": None,
            "userAgent": "curl",
            "userArn": None,
        },
        "path": "/prod/v1/health",
        "protocol": "HTTP/1.1",
        "requestId": "id=",
        "requestTime": "04/Mar/2026:19:15:17 +0000",
        "requestTimeEpoch": 1583349317135,
        "resourceId": None,
        "resourcePath": "/v1/health",
        "stage": "prod",
    },
    "body": None,
    "isBase64Encoded": False,
}
CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 900_000,
)


def load(name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    for variable, text in {**settings.to_env(), "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(variable, text)
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def test_an_object_event_is_planned_by_the_fields_that_infra_hands_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = PreprocessSettings(
        stage="local",
        curated_bucket="curated",
        max_shard_bytes=10,
        languages="en",
        detector="py3langid-25",
        code_version="commit",
    )
    plan = load("lambdas.preprocess.plan", settings, monkeypatch)
    asked: list[tuple[str, ...]] = []
    stored = SimpleNamespace(size=5, etag="e", version="v", modified=SimpleNamespace(isoformat=str))
    monkeypatch.setattr(plan.objects, "head", lambda *what: asked.append(what) or stored)
    line = b'{"rating": 5, "text": "It works"}\n'
    monkeypatch.setattr(plan.objects, "read_first", lambda *_: line)
    monkeypatch.setattr(plan.objects, "put_bytes", lambda *_: "v")
    detail = ObjectEvent(OBJECT_CREATED).detail
    event = {
        "bucket": detail.bucket.name,
        "key": detail.object.key,
        "version": detail.object.version_id,
        "size": detail.object.size,
        "etag": detail.object.etag,
    }
    answer = plan.handler(event, CONTEXT)
    assert asked == [("raw", "incoming/two words & ü.jsonl", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")]
    assert answer["shard_count"] == 1
    assert answer["key"] == event["key"]


@pytest.mark.parametrize("path", ["/v1/health", "/v1/docs", "/v1/openapi.json", "/v1/none"])
def test_an_answer_has_the_form_that_the_gateway_takes(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    settings = RatingsSettings(
        stage="local",
        endpoint_name="e",
        live_parameter="/l",
        predictions_stream="p",
        feedback_stream="f",
        capture_words=False,
    )
    rate = load("lambdas.ratings.rate", settings, monkeypatch)
    answer = rate.handler({**PROXY, "resource": path, "path": path}, CONTEXT)
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert type(answer["statusCode"]) is int
    assert type(answer["body"]) is str
    assert all(type(v) is str for pair in answer["headers"].items() for v in pair)
    assert len(json.dumps(answer)) < 6_000_000
