"""The REST API: routes, who may call them, how often, and what is logged of a call."""

from __future__ import annotations

from typing import Any

from aws_cdk import Acknowledgment, RemovalPolicy, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.blocks.problems import Problems
from infra.blocks.statements import allow
from infra.stage import Stage

RATE, FEEDBACK, MODEL = "POST/v1/ratings", "POST/v1/feedback", "GET/v1/model"
SIGNED = (RATE, FEEDBACK, MODEL)
WHOLE = "*/v1/*"  # every verb and path: what is not there answers 404 or 405
OPEN = ("GET/v1/health", "GET/v1/openapi.json", "GET/v1/docs")
OPEN_RATE, OPEN_BURST = 10, 20  # requests a second, of each open route
REASONS = {
    "AwsSolutions-APIG4": "open on purpose: no model call, no data, and throttled on its own",
    "AwsSolutions-COG4": "callers are roles of AWS accounts, which sign with IAM, not people",
}


class RatingsApi(Construct):
    """Signed routes, three open ones, and a signed catch-all that answers 404 and 405."""

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, answer: lambda_.IFunction
    ) -> None:
        super().__init__(scope, id)
        self._stage = stage
        self.rest = self._rest()
        Problems(self, "Problems", api=self.rest)
        # One permission for the whole API, which is the function's only caller.
        self._answer = apigateway.LambdaIntegration(answer, scope_permission_to_method=False)
        self._checks = self._add_checks()
        for route in SIGNED:
            self._add(route)
        for route in OPEN:
            self._add(route, apigateway.AuthorizationType.NONE)
        # The gateway sends here also the wrong method of a known route.
        self._add("ANY/{proxy+}")
        if not stage.api.waf:
            self._acknowledge_no_firewall()

    def _rest(self) -> apigateway.RestApi:
        wanted = self._stage.api
        log = logs.LogGroup(
            self,
            "Access",
            retention=logs.RetentionDays.ONE_YEAR,
            removal_policy=RemovalPolicy.DESTROY,
        )
        rest = apigateway.RestApi(
            self,
            "Rest",
            rest_api_name=self._stage.name(),
            description="Review Stars: reviews in, stars out",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=self._stage.label,
                throttling_rate_limit=wanted.throttle_rate,
                throttling_burst_limit=wanted.throttle_burst,
                method_options=_open_throttles(),
                logging_level=apigateway.MethodLoggingLevel.OFF,
                data_trace_enabled=False,
                access_log_destination=apigateway.LogGroupLogDestination(log),
                access_log_format=apigateway.AccessLogFormat.custom(_access_line()),
            ),
        )
        rest.deployment_stage.node.add_dependency(self._may_log())
        Validations.of(rest.deployment_stage).acknowledge(
            Acknowledgment(
                id="AwsSolutions-APIG6",
                reason="the access log has every call; the execution log may repeat bodies, and "
                "the gateway makes its group itself, without our key",
            ),
            Acknowledgment(
                id="Serverless-APIGWXrayEnabled",
                reason="the access log has the times of each call and of its integration",
            ),
        )
        return rest

    def _may_log(self) -> apigateway.CfnAccount:
        """API Gateway writes its logs with one role for the whole account and region.

        It stays when the stack goes: another stage of the account may use it.
        """
        role = iam.Role(self, "Logs", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        role.add_to_policy(
            # What the service wants before it takes the role, on whatever it may log to.
            allow(
                [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:FilterLogEvents",
                    "logs:GetLogEvents",
                    "logs:PutLogEvents",
                ],
                "*",
            )
        )
        role.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        account.node.add_dependency(role)
        return account

    def _add_checks(self) -> dict[str, Any]:
        """Coarse on purpose: a JSON object. Every error of a field comes from the function."""
        model = self.rest.add_model(
            "Body",
            content_type="application/json",
            schema=apigateway.JsonSchema(
                schema=apigateway.JsonSchemaVersion.DRAFT4, type=apigateway.JsonSchemaType.OBJECT
            ),
        )
        validator = self.rest.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        return {"request_models": {"$default": model}, "request_validator": validator}

    def _add(
        self,
        route: str,
        authorization: apigateway.AuthorizationType = apigateway.AuthorizationType.IAM,
    ) -> None:
        verb, _, path = route.partition("/")
        resource = self.rest.root.resource_for_path(path)
        method = resource.add_method(
            verb,
            self._answer,
            authorization_type=authorization,
            **(self._checks if verb == "POST" else {}),
        )
        ids = ["AwsSolutions-COG4"]
        if authorization is apigateway.AuthorizationType.NONE:
            ids.append("AwsSolutions-APIG4")
        for id in ids:
            Validations.of(method).acknowledge(Acknowledgment(id=id, reason=REASONS[id]))

    def _acknowledge_no_firewall(self) -> None:
        Validations.of(self.rest.deployment_stage).acknowledge(
            Acknowledgment(
                id="AwsSolutions-APIG3",
                reason="the stage file says `waf: false`: no customer calls this stage",
            )
        )

    def may_call(self, *routes: str) -> iam.PolicyStatement:
        """Call these routes of this stage."""
        return allow(["execute-api:Invoke"], *(self._arn(route) for route in routes))

    def _arn(self, route: str) -> str:
        return self._stage.arn(
            "execute-api", f"{self.rest.rest_api_id}/{self._stage.label}/{route}"
        )

    @property
    def stage_arn(self) -> str:
        """The deployed stage, which a firewall stands before."""
        return self.rest.deployment_stage.stage_arn

    @property
    def url(self) -> str:
        """The address, with the stage and without `/v1`."""
        host = f"{self.rest.rest_api_id}.execute-api.{self._stage.region}.amazonaws.com"
        return f"https://{host}/{self._stage.label}"


def _open_throttles() -> dict[str, apigateway.MethodDeploymentOptions]:
    limits = apigateway.MethodDeploymentOptions(
        throttling_rate_limit=OPEN_RATE, throttling_burst_limit=OPEN_BURST
    )
    routes = (route.partition("/") for route in OPEN)
    return {f"/{path}/{verb}": limits for verb, _, path in routes}


def _access_line() -> str:
    """One JSON line a call: who, what, how long; nothing of the body."""
    fields = {
        "time": "$context.requestTimeEpoch",
        "request": "$context.requestId",
        "caller": "$context.identity.userArn",
        "address": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "route": "$context.resourcePath",
        "status": "$context.status",
        "error": "$context.error.responseType",
        "bytes": "$context.responseLength",
        "milliseconds": "$context.responseLatency",
        "function_milliseconds": "$context.integrationLatency",
    }
    return "{" + ",".join(f'"{name}":"{value}"' for name, value in fields.items()) + "}"
