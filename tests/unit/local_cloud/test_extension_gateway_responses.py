"""What the gateway answers itself has the form of the stage's gateway responses."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from local_cloud.extension import gateway_responses
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, may
from tests.unit.local_cloud.test_extension_gateway import RUNTIME, api, function, integrate
from tests.unit.local_cloud.test_extension_signatures import Caller

KINDS = (
    "ACCESS_DENIED",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "INTEGRATION_TIMEOUT",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "REQUEST_TOO_LARGE",
)
INVOKE = may("execute-api:Invoke")


@pytest.fixture
def path(cloud: Cloud) -> str:
    """The path of a stage whose refusals are all problem details."""
    path = api(cloud, may("logs:*"))
    gateway, id = cloud.client("apigateway"), path.split("/")[2]
    for kind in KINDS:
        gateway.put_gateway_response(
            restApiId=id,
            responseType=kind,
            responseParameters={
                "gatewayresponse.header.Content-Type": "'application/problem+json'"
            },
            responseTemplates={
                "application/json": json.dumps({"kind": kind, "request": "$context.requestId"})
            },
        )
    gateway.create_deployment(restApiId=id, stageName="local")
    return path


def assert_problem(answer: AWSResponse, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.content
    headers = {name.lower(): text for name, text in answer.headers.items()}
    assert headers["content-type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert body["kind"] == kind
    assert body["request"]
    assert b"arn:" not in answer.content


def test_a_role_that_may_not_call_gets_a_problem_without_its_name(cloud: Cloud, path: str) -> None:
    caller = Caller(cloud, may("execute-api:Nothing"))
    assert_problem(caller.send(f"{path}/model"), 403, "ACCESS_DENIED")


def test_a_role_that_is_denied_explicitly_gets_it_too(cloud: Cloud, path: str) -> None:
    caller = Caller(cloud, INVOKE, {**INVOKE, "Effect": "Deny"})
    assert_problem(caller.send(f"{path}/model"), 403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("method", "route"), [("GET", "/nothing"), ("GET", "/"), ("DELETE", "/model"), ("HEAD", "/x")]
)
@pytest.mark.parametrize("right", ["execute-api:Invoke", "execute-api:Nothing"])
def test_what_is_no_route_is_answered_alike_whoever_asks(
    cloud: Cloud, path: str, method: str, route: str, right: str
) -> None:
    answer = Caller(cloud, may(right)).send(f"{path}{route}", method=method)
    assert answer.status_code == 403
    if method != "HEAD":
        assert_problem(answer, 403, "MISSING_AUTHENTICATION_TOKEN")


@pytest.mark.parametrize("right", ["execute-api:Invoke", "execute-api:Nothing", ""])
@pytest.mark.parametrize("wrong", ["api", "stage"])
def test_where_there_is_no_api_or_no_such_stage_everything_is_forbidden(
    cloud: Cloud, path: str, wrong: str, right: str
) -> None:
    _, _, id, stage, mark = path.split("/")
    gone = {"api": f"/restapis/nothing123/{stage}/{mark}", "stage": f"/restapis/{id}/prod/{mark}"}
    url = f"{gone[wrong]}/model"
    answer = Caller(cloud, may(right)).send(url) if right else cloud.get(url)
    assert answer.status_code == 403
    assert json.loads(answer.content) == {"message": "Forbidden"}


def test_an_unsigned_call_and_a_foreign_signature_are_problems(cloud: Cloud, path: str) -> None:
    assert_problem(cloud.get(f"{path}/model"), 403, "MISSING_AUTHENTICATION_TOKEN")
    caller = Caller(cloud, INVOKE)
    assert_problem(caller.send(f"{path}/model", "lambda"), 403, "INVALID_SIGNATURE")
    half = caller.send(f"{path}/model", change=_without_signature)
    assert_problem(half, 403, "DEFAULT_4XX")


def _without_signature(request: Any) -> None:
    kept = request.headers["Authorization"].rpartition(",")[0]
    request.headers.replace_header("Authorization", kept)


def test_a_body_over_the_gateway_s_limit_is_a_problem(
    cloud: Cloud, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gateway_responses.MAX_BODY_BYTES == 10_485_760
    monkeypatch.setattr(gateway_responses, "MAX_BODY_BYTES", 100)
    caller = Caller(cloud, INVOKE)
    assert caller.send(f"{path}/model", body=b"x" * 100).status_code == 200
    assert_problem(caller.send(f"{path}/model", body=b"x" * 101), 413, "REQUEST_TOO_LARGE")


@pytest.fixture
def failing(cloud: Cloud, path: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A route whose function fails, answers nonsense, waits or answers 502, as its query says."""
    monkeypatch.setenv(f"LAMBDA_{RUNTIME.upper().replace('.', '_')}", sys.executable)
    source = (
        "import time\n"
        "def handler(event, context):\n"
        "    wanted = (event['queryStringParameters'] or {}).get('do')\n"
        "    if wanted == 'raise': raise ValueError('a customer')\n"
        "    if wanted == 'wait': time.sleep(3)\n"
        "    if wanted == 'nonsense': return 'nonsense'\n"
        "    return {'statusCode': 502, 'body': 'mine'}\n"
    )
    integrate(cloud, path, function(cloud, source))
    cloud.client("lambda").add_permission(
        FunctionName="rate",
        StatementId="this",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{path.split('/')[2]}/*",
    )
    return path


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_function_that_fails_is_a_problem_and_its_own_answer_is_not(
    cloud: Cloud, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller(cloud, INVOKE)
    answer = caller.send(f"{failing}/model")
    assert (answer.status_code, answer.content) == (502, b"mine")
    for wanted in ("raise", "nonsense"):
        answer = caller.send(f"{failing}/model?do={wanted}")
        assert_problem(answer, 500, "DEFAULT_5XX")
        assert b"customer" not in answer.content
    monkeypatch.setattr(gateway_responses, "FUNCTION_SECONDS", 0.5)
    assert_problem(caller.send(f"{failing}/model?do=wait"), 504, "INTEGRATION_TIMEOUT")


def test_a_failure_of_the_gateway_itself_is_a_problem(
    cloud: Cloud, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ministack.services import apigateway_v1

    def broken(*_: Any) -> Any:
        raise RuntimeError("secret")

    caller = Caller(cloud, INVOKE)
    monkeypatch.setattr(apigateway_v1, "_check_throttle", broken)
    answer = caller.send(f"{path}/model")
    assert_problem(answer, 500, "DEFAULT_5XX")
    assert b"secret" not in answer.content
    assert "was not answered" in caplog.text
