"""The API's entry point: routes, and nothing that reaches it is answered with 500."""

from __future__ import annotations

import base64
import binascii
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract.live import version
from lambdas.contract.metrics import (
    MODEL_ERRORS,
    NAMESPACE,
    NOT_DEPLOYED,
    OBSERVATIONS_DROPPED,
    QUESTIONS,
    REQUESTS,
    SERVER_ERRORS,
    STAGE,
)
from lambdas.ports import delivery, endpoint, parameters
from lambdas.ports.clients import client
from lambdas.ratings import observation_lines, rating
from lambdas.ratings.documents import openapi, page
from lambdas.ratings.live import EndpointMissingError, Live
from lambdas.ratings.observation_lines import Caller
from lambdas.ratings.problem import (
    MethodError,
    Response,
    UnknownRouteError,
    answer,
    document,
    is_ours,
    problem,
)
from lambdas.ratings.request import check_media_type, check_words, parse_feedback, parse_question
from lambdas.settings import RatingsSettings
from reviews.errors import ModelError, RequestError, ReviewStarsError

CAPTURE_SECONDS = 0.15
settings = RatingsSettings.from_env()
probe_roles = frozenset(filter(None, settings.probe_roles.split(",")))
logger = Logger(service="ratings")
metrics = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(**{STAGE: settings.stage})
live = Live(lambda: parameters.read(settings.live_parameter))
capture = delivery.Offer(settings.predictions_stream, CAPTURE_SECONDS)
# Made now, while nobody waits.
client("ssm")
endpoint.runtime()


@event_source(data_class=APIGatewayProxyEvent)
@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@metrics.log_metrics
def handler(event: APIGatewayProxyEvent, context: LambdaContext) -> Response:
    """Answer one request of the API."""
    error: Exception | None = None
    try:
        response = _route(event)(event)
    except Exception as caught:
        error = caught
        response = problem(error, _request_id(event))
        _log(error, response["statusCode"])
    metrics.add_metric(REQUESTS, MetricUnit.Count, 1)
    if event.get("resource") not in OPEN:
        is_failed = error is not None and is_ours(error)
        metrics.add_metric(SERVER_ERRORS, MetricUnit.Count, int(is_failed))
        is_probe = _caller(event).role == settings.asking_role
        metrics.add_metric(QUESTIONS, MetricUnit.Count, int(not is_probe))
    return response


def rate(event: APIGatewayProxyEvent) -> Response:
    """POST /v1/ratings: stars of one review or of a batch."""
    question = parse_question(_body(event))
    check_words(question)
    request_id = question.request_id or _request_id(event)
    body = _ask(rating.to_endpoint(question), request_id)
    answered = rating.from_endpoint(body, question)
    lines = list(
        observation_lines.of_ratings(
            question,
            answered,
            request_id=request_id,
            caller=_caller(event),
            time=datetime.now(UTC),
            with_text=settings.capture_words,
        )
    )
    if dropped := capture(lines):
        logger.warning("observations dropped", extra={"dropped": dropped})
    metrics.add_metric(OBSERVATIONS_DROPPED, MetricUnit.Count, dropped / len(lines))
    return answer(rating.to_caller(question, answered, request_id))


def _ask(body: bytes, request_id: str) -> bytes:
    """The endpoint's answer. Where none serves, the live record says whether one should."""
    try:
        return endpoint.invoke(settings.endpoint_name, body, request_id)
    except endpoint.NotDeployedError:
        if live.is_named():
            raise EndpointMissingError("a package is live and no endpoint serves") from None
        raise


def feedback(event: APIGatewayProxyEvent) -> Response:
    """POST /v1/feedback: the true stars of a review that was rated before."""
    returned = parse_feedback(_body(event))
    line = observation_lines.of_feedback(returned, _caller(event), datetime.now(UTC))
    delivery.put(settings.feedback_stream, line)
    return answer({"request_id": returned.request_id}, 202)


def model(event: APIGatewayProxyEvent) -> Response:
    """GET /v1/model: which package answers."""
    package = live.package()
    return answer({"model_version": version(package), "model_package_arn": package})


def health(event: APIGatewayProxyEvent) -> Response:
    """GET /v1/health: that we answer; says nothing of the model."""
    return answer({"status": "ok"})


def contract(event: APIGatewayProxyEvent) -> Response:
    """GET /v1/openapi.json."""
    return document(openapi(), "application/json")


def docs(event: APIGatewayProxyEvent) -> Response:
    """GET /v1/docs: the contract as a page."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return document(page(), "text/html; charset=utf-8", Content_Security_Policy=policy)


ROUTES: dict[str, dict[str, Callable[[APIGatewayProxyEvent], Response]]] = {
    "/v1/ratings": {"POST": rate},
    "/v1/feedback": {"POST": feedback},
    "/v1/model": {"GET": model},
    "/v1/health": {"GET": health},
    "/v1/openapi.json": {"GET": contract},
    "/v1/docs": {"GET": docs},
}
CATCH_ALL = "/{proxy+}"
OPEN = ("/v1/health", "/v1/openapi.json", "/v1/docs")


def _route(event: APIGatewayProxyEvent) -> Callable[[APIGatewayProxyEvent], Response]:
    """Go by the resource that the gateway matched: a domain may put anything before the path."""
    resource = str(event.get("resource") or "")
    if resource == CATCH_ALL:
        resource = f"/{(event.get('pathParameters') or {}).get('proxy', '')}"
        if resource.rstrip("/") in ROUTES and resource.endswith("/"):
            raise UnknownRouteError(f"there is nothing at this path; send {resource.rstrip('/')}")
    methods = ROUTES.get(resource)
    if methods is None:
        raise UnknownRouteError("there is nothing at this path; GET /v1/docs lists what there is")
    method = event.get("httpMethod")
    if method not in methods:
        raise MethodError(", ".join(methods))
    return methods[method]


def _body(event: APIGatewayProxyEvent) -> bytes:
    headers = event.headers
    check_media_type(headers.get("content-type") or "", headers.get("content-encoding") or "")
    text = event.body or ""
    if not event.is_base64_encoded:
        return text.encode("utf-8", "surrogatepass")  # the parser says where a half is
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        raise RequestError("the body is not base64, though it says so") from None


def _caller(event: APIGatewayProxyEvent) -> Caller:
    identity = (event.get("requestContext") or {}).get("identity") or {}
    return Caller.of(identity.get("userArn"), probe_roles)


def _request_id(event: APIGatewayProxyEvent) -> str:
    return str((event.get("requestContext") or {}).get("requestId") or "")


def _log(error: Exception, status: int) -> None:
    """Log an error: its words where they are ours, else only where it came from."""
    if isinstance(error, ModelError):
        metrics.add_metric(MODEL_ERRORS, MetricUnit.Count, 1)
    if isinstance(error, endpoint.NotDeployedError):
        metrics.add_metric(NOT_DEPLOYED, MetricUnit.Count, 1)
    if isinstance(error, ReviewStarsError):
        write = logger.warning if is_ours(error) else logger.info
        write(str(error), extra={"status": status, "error": type(error).__name__})
        return
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    logger.error("a bug", extra={"error": type(error).__name__, "at": places[-5:]})
