"""The access log of an API: one line a call, answered or refused, under the account's role."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from typing import Any

import pytest

from local_cloud.extension.gateway import line
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, deploy, may

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:access"
FORMAT = json.dumps(
    {
        "request": "$context.requestId",
        "caller": "$context.identity.userArn",
        "method": "$context.httpMethod",
        "route": "$context.resourcePath",
        "status": "$context.status",
        "error": "$context.error.responseType",
        "bytes": "$context.responseLength",
        "milliseconds": "$context.responseLatency",
        "function": "$context.integrationLatency",
    }
)


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def api(cloud: Cloud, *rights: dict[str, Any]) -> str:
    """An API with one signed route and an access log; returns the path of its stage."""
    role = cloud.role("logs", "apigateway", *rights)
    rest = {"Ref": "Api"}
    answers = {"Type": "MOCK", "IntegrationResponses": [{"StatusCode": "200"}]}
    method = resource(
        "ApiGateway::Method",
        RestApiId=rest,
        ResourceId={"Ref": "Route"},
        HttpMethod="GET",
        AuthorizationType="AWS_IAM",
        Integration={**answers, "RequestTemplates": {"application/json": '{"statusCode": 200}'}},
        MethodResponses=[{"StatusCode": "200"}],
    )
    stage = resource(
        "ApiGateway::Stage",
        RestApiId=rest,
        StageName="local",
        DeploymentId={"Ref": "Deployment"},
        AccessLogSetting={"DestinationArn": GROUP, "Format": FORMAT},
    )
    route = {"RestApiId": rest, "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]}}
    status = deploy(
        cloud,
        "api",
        Api=resource("ApiGateway::RestApi", Name="stars"),
        Route=resource("ApiGateway::Resource", PathPart="model", **route),
        Method=method,
        Deployment=resource("ApiGateway::Deployment", RestApiId=rest) | {"DependsOn": "Method"},
        Stage=stage,
        Account=resource("ApiGateway::Account", CloudWatchRoleArn=role),
        Group=resource("Logs::LogGroup", LogGroupName="access"),
    )
    assert status == "CREATE_COMPLETE"
    id = cloud.client("apigateway").get_rest_apis()["items"][0]["id"]
    return f"/restapis/{id}/local/_user_request_"


def logged(cloud: Cloud) -> list[dict[str, Any]]:
    events = cloud.client("logs").filter_log_events(logGroupName="access")["events"]
    return [json.loads(event["message"]) for event in events]


def test_a_call_that_is_answered_has_its_line(cloud: Cloud) -> None:
    path = api(cloud, may("logs:*"))
    caller = cloud.assume(cloud.role("caller", "account", may("execute-api:Invoke")))
    answer = cloud.get(f"{path}/model", caller)
    assert answer.status_code == 200, answer.content
    (entry,) = logged(cloud)
    assert entry["request"] != "-"
    assert entry["milliseconds"].isdigit()
    del entry["request"], entry["milliseconds"]
    assert entry == {
        "caller": f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/test",
        "method": "GET",
        "route": "/model",
        "status": "200",
        "error": "-",
        "bytes": str(len(answer.content)),
        "function": "-",
    }


def test_a_call_that_is_refused_has_its_line_too(cloud: Cloud) -> None:
    path = api(cloud, may("logs:*"))
    caller = cloud.assume(cloud.role("caller", "account", may("execute-api:Nothing")))
    assert cloud.get(f"{path}/model").status_code == 403
    assert cloud.get(f"{path}/model", caller).status_code == 403
    forged = caller | {"SecretAccessKey": "a" * 40}
    assert cloud.get(f"{path}/model", forged).status_code == 403
    unsigned, signed, false = logged(cloud)
    assert (unsigned["status"], unsigned["caller"]) == ("403", "-")
    assert (signed["status"], signed["error"]) == ("403", "ACCESS_DENIED")
    assert signed["caller"].endswith("assumed-role/caller/test")
    assert unsigned["error"] == "MISSING_AUTHENTICATION_TOKEN"
    assert false["error"] == "INVALID_SIGNATURE"  # as AWS names it: nobody was denied anything


def test_without_its_role_there_is_no_line_and_the_call_goes_on(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    path = api(cloud, may("logs:CreateLogStream"))
    caller = cloud.assume(cloud.role("caller", "account", may("execute-api:Invoke")))
    assert cloud.get(f"{path}/model", caller).status_code == 200
    assert logged(cloud) == []
    assert "an access log was not written" in caplog.text
    assert "logs:PutLogEvents" in caplog.text


HANDLER = (
    "def handler(event, context):\n"
    "    return {'statusCode': 200, 'body': event['requestContext']['resourcePath']}\n"
)


def function(cloud: Cloud, source: str = HANDLER) -> str:
    """A function, by default one that answers with the route that called it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("app.py", source)
    role = cloud.role("function", "lambda")
    made = cloud.client("lambda").create_function(
        FunctionName="rate",
        Runtime=RUNTIME,
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    return str(made["FunctionArn"])


def integrate(cloud: Cloud, path: str, function_arn: str) -> None:
    """Put a function behind the route of an API."""
    gateway, id = cloud.client("apigateway"), path.split("/")[2]
    route = next(r for r in gateway.get_resources(restApiId=id)["items"] if r["path"] == "/model")
    start = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions"
    gateway.put_integration(
        restApiId=id,
        resourceId=route["id"],
        httpMethod="GET",
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"{start}/{function_arn}/invocations",
    )
    gateway.create_deployment(restApiId=id, stageName="local")


# MiniStack leaves the pipes of a Lambda worker that it has killed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_function_answers_only_the_api_that_its_policy_lets_in(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"LAMBDA_{RUNTIME.upper().replace('.', '_')}", sys.executable)
    path = api(cloud, may("logs:*"))
    id = path.split("/")[2]
    integrate(cloud, path, function(cloud))
    caller = cloud.assume(cloud.role("caller", "account", may("execute-api:Invoke")))

    def permit(statement: str, resource: str) -> None:
        cloud.client("lambda").add_permission(
            FunctionName="rate",
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{id}/local/{resource}",
        )

    permit("another", "POST/model")
    assert cloud.get(f"{path}/model", caller).status_code == 500
    assert "does not let" in caplog.text
    permit("this", "GET/model")
    answer = cloud.get(f"{path}/model", caller)
    assert (answer.status_code, answer.content) == (200, b"/model")
    refused, answered = logged(cloud)
    assert (refused["status"], refused["function"]) == ("500", "-")
    assert answered["function"].isdigit()


def test_what_is_not_known_is_a_dash() -> None:
    form = "$context.status $context.identity.userArn $context.unknown $contextual"
    assert line(form, {"status": "200", "identity.userArn": ""}) == "200 - - $contextual"
