"""The API: who may call it, how often, and what it answers by itself."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from .policies import statements
from .synthesis import Json, Templates, text

ROUTES = {
    "POST /v1/ratings": "AWS_IAM",
    "POST /v1/feedback": "AWS_IAM",
    "GET /v1/model": "AWS_IAM",
    "GET /v1/health": "NONE",
    "GET /v1/openapi.json": "NONE",
    "GET /v1/docs": "NONE",
    "ANY /{proxy+}": "AWS_IAM",
}


def routes(templates: Templates) -> dict[str, Json]:
    """The properties of each method, by verb and path."""
    resources = templates.stacks["Serving"]["Resources"]

    def path(id: str | None) -> str:
        if (
            id is None
            or id not in resources
            or resources[id]["Type"] != "AWS::ApiGateway::Resource"
        ):
            return ""
        body = resources[id]["Properties"]
        return f"{path(body['ParentId'].get('Ref'))}/{body['PathPart']}"

    return {
        f"{method.properties['HttpMethod']} {path(method.properties['ResourceId'].get('Ref'))}": (
            method.properties
        )
        for method in templates.resources("AWS::ApiGateway::Method")
    }


def settings(templates: Templates) -> dict[str, Json]:
    """The stage's settings of each route."""
    [stage] = templates.resources("AWS::ApiGateway::Stage")
    return {
        f"{one['HttpMethod']} {one['ResourcePath'].removeprefix('/').replace('~1', '/')}": one
        for one in stage.properties["MethodSettings"]
    }


def test_every_route_is_signed_but_three(templates: Templates) -> None:
    found = {route: method["AuthorizationType"] for route, method in routes(templates).items()}
    assert found == ROUTES


def test_open_routes_have_a_throttle_of_their_own(templates: Templates) -> None:
    wanted = templates.stage.api
    whole = settings(templates)["* *"]
    assert whole["ThrottlingRateLimit"] == wanted.throttle_rate
    assert whole["ThrottlingBurstLimit"] == wanted.throttle_burst
    for route, authorization in ROUTES.items():
        if authorization == "NONE":
            assert settings(templates)[route]["ThrottlingRateLimit"] <= 10


def test_no_body_reaches_a_log(templates: Templates) -> None:
    assert {one["DataTraceEnabled"] for one in settings(templates).values()} == {False}
    [stage] = templates.resources("AWS::ApiGateway::Stage")
    line = json.loads(stage.properties["AccessLogSetting"]["Format"])
    assert all(value.startswith("$context.") for value in line.values())
    assert not [value for value in line.values() if "body" in value or "requestOverride" in value]


def test_the_gateway_s_own_model_is_coarse(templates: Templates) -> None:
    [model] = templates.resources("AWS::ApiGateway::Model")
    schema = model.properties["Schema"]
    assert schema == {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}
    for route, method in routes(templates).items():
        expected = {"$default": {"Ref": model.id}} if route.startswith("POST") else None
        assert method.get("RequestModels") == expected


def test_the_gateway_answers_in_the_form_of_all_our_errors(templates: Templates) -> None:
    answers = {
        answer.properties["ResponseType"]: answer.properties
        for answer in templates.resources("AWS::ApiGateway::GatewayResponse")
    }
    needed = {"ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "REQUEST_TOO_LARGE", "THROTTLED"}
    assert needed | {"DEFAULT_4XX", "DEFAULT_5XX", "WAF_FILTERED"} <= set(answers)
    for answer in answers.values():
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        body = json.loads(answer["ResponseTemplates"]["application/json"])
        assert body["type"] == "about:blank"
        assert body["title"]
        assert body["detail"]
        # The gateway's own message may repeat what was sent.
        assert "$context.error" not in answer["ResponseTemplates"]["application/json"]
    statuses = {kind: answer.get("StatusCode") for kind, answer in answers.items()}
    assert statuses["REQUEST_TOO_LARGE"] == "413"
    assert statuses["THROTTLED"] == "429"
    assert statuses["MISSING_AUTHENTICATION_TOKEN"] == "403"
    assert statuses["RESOURCE_NOT_FOUND"] == "404"
    assert "500" not in statuses.values()
    retry = answers["THROTTLED"]["ResponseParameters"]
    assert retry["gatewayresponse.header.Retry-After"] == "'1'"


def test_only_the_api_calls_the_function(templates: Templates) -> None:
    [permission] = [
        p
        for p in templates.resources("AWS::Lambda::Permission")
        if p.stack == "Serving" and "RatingsAnswer" in text(p.properties["FunctionName"])
    ]
    assert permission.properties["Principal"] == "apigateway.amazonaws.com"
    [rest] = templates.resources("AWS::ApiGateway::RestApi")
    assert f"${{{rest.id}}}" in text(permission.properties["SourceArn"])


def client_may_call(templates: Templates, call: str) -> bool:
    """Whether the client's role lets it make a call (`prod/GET/v1/model`) of the API."""
    [grant] = [
        grant
        for grant in statements(templates, "identity")
        if grant.holder.id.startswith("ClientRole")
    ]
    assert grant.actions == ["execute-api:Invoke"]
    [rest] = templates.resources("AWS::ApiGateway::RestApi")
    stage = templates.stage
    asked = f"arn:aws:execute-api:{stage.region}:{stage.account}:${{{rest.id}}}/{call}"
    # IAM knows `*` and `?` alone; brackets of fnmatch stand in no ARN here.
    return any(fnmatchcase(asked, resource) for resource in grant.resources)


@pytest.mark.parametrize(
    "call",
    [
        *("POST/v1/ratings", "POST/v1/feedback", "GET/v1/model", "GET/v1/ratings"),
        *("GET/v1/ratings/", "GET/v1/nope", "HEAD/v1/model", "OPTIONS/v1/ratings", "PUT/v1/a/b"),
    ],
)
def test_a_client_that_errs_reaches_the_function_which_says_404_or_405(
    templates: Templates, call: str
) -> None:
    assert client_may_call(templates, f"{templates.stage.label}/{call}")


@pytest.mark.parametrize("call", ["{stage}/GET/v2/model", "{stage}/GET/", "other/GET/v1/model"])
def test_a_client_may_call_nothing_but_v1_of_its_stage(templates: Templates, call: str) -> None:
    assert not client_may_call(templates, call.format(stage=templates.stage.label))


def test_the_ratings_function_touches_no_bucket(templates: Templates) -> None:
    actions = {
        action
        for grant in statements(templates, "identity")
        if grant.holder.id.startswith("RatingsAnswer")
        for action in grant.actions
    }
    assert actions == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sagemaker:InvokeEndpoint",
        "ssm:GetParameter",
        "firehose:PutRecord",
        "firehose:PutRecordBatch",
    }


def test_observations_go_by_hour_into_their_bucket(templates: Templates) -> None:
    streams = {
        s.properties["DeliveryStreamName"]: s.properties
        for s in templates.resources("AWS::KinesisFirehose::DeliveryStream")
    }
    assert set(streams) == {templates.stage.name("predictions"), templates.stage.name("feedback")}
    for name, stream in streams.items():
        kind = name.rpartition("-")[2]
        destination = stream["ExtendedS3DestinationConfiguration"]
        assert destination["Prefix"] == f"{kind}/!{{timestamp:yyyy/MM/dd/HH}}/"
        assert destination["ErrorOutputPrefix"].startswith(f"failed/{kind}/")
        assert destination["BucketARN"].endswith(templates.stage.bucket_name("observations"))
        assert "DeliveryStreamEncryptionConfigurationInput" in stream


def test_what_a_stream_delivers_it_may_write_and_encrypt(templates: Templates) -> None:
    """Firehose says a refusal in its own log alone."""
    [role] = {
        text(s.properties["ExtendedS3DestinationConfiguration"]["RoleARN"])
        for s in templates.resources("AWS::KinesisFirehose::DeliveryStream")
    }
    rights = {
        (action, resource)
        for grant in statements(templates, "identity")
        if {"Ref": role.removeprefix("${").removesuffix(".Arn}")}
        in grant.holder.properties["Roles"]
        for action in grant.actions
        for resource in grant.resources
    }
    bucket = f"arn:aws:s3:::{templates.stage.bucket_name('observations')}"
    for prefix in ("predictions", "feedback", "failed"):
        assert ("s3:PutObject", f"{bucket}/{prefix}/*") in rights
    keys = {resource for action, resource in rights if action == "kms:GenerateDataKey"}
    assert len(keys) == 1
    assert "KeysData" in keys.pop()


def test_words_are_captured_nowhere(every_stage: dict[str, Templates]) -> None:
    assert not any(made.stage.api.capture_words for made in every_stage.values())


def test_a_firewall_stands_where_the_stage_wants_one(every_stage: dict[str, Templates]) -> None:
    for made in every_stage.values():
        acls = list(made.resources("AWS::WAFv2::WebACL"))
        links = list(made.resources("AWS::WAFv2::WebACLAssociation"))
        assert len(acls) == len(links) == made.stage.api.waf
    assert every_stage["prod"].stage.api.waf


def test_the_firewall_only_counts_what_real_reviews_break(prod: Templates) -> None:
    [acl] = prod.resources("AWS::WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in acl.properties["Rules"]}
    assert set(rules) == {"Rate", "IpReputation", "KnownBadInputs", "Core"}
    core = rules["Core"]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    counted = {rule["Name"] for rule in core if rule["ActionToUse"] == {"Count": {}}}
    assert {"SizeRestrictions_BODY", "CrossSiteScripting_BODY"} <= counted
    assert all(name.endswith("_BODY") for name in counted)


def test_what_the_firewall_refuses_can_be_seen_and_holds_no_body(prod: Templates) -> None:
    [acl] = prod.resources("AWS::WAFv2::WebACL")
    assert all(
        rule["VisibilityConfig"]["SampledRequestsEnabled"] for rule in acl.properties["Rules"]
    )
    [hidden] = acl.properties["DataProtectionConfig"]["DataProtections"]
    assert {"authorization", "x-amz-security-token"} <= set(hidden["Field"]["FieldKeys"])
    [logging] = prod.resources("AWS::WAFv2::LoggingConfiguration")
    name = f"aws-waf-logs-{prod.stage.name()}"
    assert logging.properties["LogDestinationConfigs"] == [
        prod.stage.arn("logs", f"log-group:{name}")
    ]
    [log] = [
        g for g in prod.resources("AWS::Logs::LogGroup") if g.properties.get("LogGroupName") == name
    ]
    assert log.id in logging.body["DependsOn"]
    kept = logging.properties["LoggingFilter"]
    assert kept["DefaultBehavior"] == "DROP"
    [only] = kept["Filters"]
    assert {"ActionCondition": {"Action": "BLOCK"}} in only["Conditions"]


def test_every_way_to_stop_answering_rings(templates: Templates) -> None:
    """By what AWS counts itself: our own metrics are silent where our code does not run."""
    watched = {
        (alarm.stack, alarm.properties["Namespace"], alarm.properties["MetricName"])
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
        if alarm.properties.get("Dimensions")
    }
    watched |= {
        (alarm.stack, metric["Namespace"], metric["MetricName"])
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
        for query in alarm.properties.get("Metrics", [])
        for metric in [query.get("MetricStat", {}).get("Metric")]
        if metric
    }
    assert watched >= {
        ("Serving", "AWS/ApiGateway", "5XXError"),
        ("Serving", "AWS/Lambda", "Errors"),
        ("Serving", "AWS/Lambda", "Throttles"),
        ("Serving", "AWS/Lambda", "Duration"),
        ("Endpoint", "AWS/SageMaker", "Invocation5XXErrors"),
        ("Operations", "AWS/SageMaker", "InvocationModelErrors"),
        ("Serving", "ReviewStars", "NotDeployed"),
    }
