"""Each minute: one question through the public API, signed, with a client's patience."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract.live import NONE
from lambdas.contract.metrics import (
    CERTIFICATE_DAYS,
    NAMESPACE,
    PROBE_MILLISECONDS,
    PROBE_SUCCESS,
    RUNTIME_DAYS,
    STAGE,
)
from lambdas.contract.runtimes import LAST_DAYS
from lambdas.ports import models, objects, parameters
from lambdas.ports.api import SignedApi
from lambdas.probe.question import Answer, Expected, Probe
from lambdas.settings import ProbeSettings
from reviews.golden import read_golden

PATIENCE_SECONDS = 10.0  # of a client, for one answer
WAIT_SECONDS = 4.0
NO_MORE_TRIES_AFTER_SECONDS = 12.0  # with the last answer it all ends well within the minute
DAY_SECONDS = 86_400
settings = ProbeSettings.from_env()
logger = Logger(service="probe")
metrics = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(**{STAGE: settings.stage})
api = SignedApi(settings.api_id, settings.api_stage, timeout_seconds=PATIENCE_SECONDS)
golden: dict[str, Any] = {}  # of the package that was served last


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Ask, judge, count. What it cannot judge it raises, and no metric is bad too."""
    asked = probe.run(time.monotonic() + NO_MORE_TRIES_AFTER_SECONDS)
    metrics.add_metric(PROBE_SUCCESS, MetricUnit.Count, int(not asked.fault))
    if asked.fault:
        logger.error(asked.fault)
    else:
        metrics.add_metric(PROBE_MILLISECONDS, MetricUnit.Milliseconds, asked.milliseconds)
    if api.certificate_ends is not None:
        days = (api.certificate_ends - time.time()) / DAY_SECONDS
        metrics.add_metric(CERTIFICATE_DAYS, MetricUnit.Count, round(days, 1))
    left = LAST_DAYS[settings.runtime] - datetime.now(UTC).date()
    metrics.add_metric(RUNTIME_DAYS, MetricUnit.Count, left.days)
    return {"fault": asked.fault}


def look() -> Expected:
    """What should be answered now: by the live record, and by the package that is served."""
    live = parameters.read(settings.live_parameter)
    if live == NONE:
        return Expected(NONE)
    try:
        endpoint, package = models.served_package(settings.endpoint_name)
    except FileNotFoundError:
        return Expected(live)  # the API says so, and that is the fault
    if package not in golden:
        golden.clear()
        bucket, key = objects.split_uri(models.describe_package(package).model_data_url)
        golden[package] = read_golden(objects.stream(bucket, key))[0]
    return Expected(live, golden[package], is_settled=endpoint.status == "InService")


def ask(body: bytes) -> Answer:
    """One question to the API; what keeps it from answering is in the answer."""
    began = time.perf_counter()
    try:
        status, content = api.post("/v1/ratings", body)
    except (OSError, HTTPException) as error:
        status, content, failure = 0, b"", type(error).__name__
    else:
        failure = ""
    return Answer(status, content, (time.perf_counter() - began) * 1_000, failure)


def pause() -> None:
    """Between two tries."""
    time.sleep(WAIT_SECONDS)


probe = Probe(look, ask, pause, time.monotonic)
