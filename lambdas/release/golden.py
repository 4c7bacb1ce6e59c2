"""After the rollout: the golden set, asked through the API, answered as training recorded it."""

from __future__ import annotations

import json
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract.firewall import FILTERED, WAF_LOGS
from lambdas.ports import models, objects
from lambdas.ports.api import SignedApi
from lambdas.release.golden_set import compare
from lambdas.settings import ReleaseSettings
from reviews.errors import NotReadyError
from reviews.golden import read_golden

settings = ReleaseSettings.from_env()
logger = Logger(service="release")
TRIES = 5  # the ratings function remembers the live record for some seconds
WAIT_SECONDS = 2.0
BATCH = 10  # of the longest reviews that the API takes fit into its mebibyte


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer how many of the golden questions matched."""
    package = models.describe_package(event["model_package_arn"])
    bucket, key = objects.split_uri(package.model_data_url)
    golden = read_golden(objects.stream(bucket, key))
    compared = compare(golden, _ask, BATCH)
    summary = f"{compared.matched} of {compared.asked} golden answers match"
    logger.info(summary, extra={"differing": compared.differing, "version": compared.version})
    return {
        "asked": compared.asked,
        "matched": compared.matched,
        "passed": compared.passed,
        "reason": summary,
    }


def _ask(reviews: list[dict[str, Any]]) -> list[dict[str, Any]]:
    api = SignedApi(settings.api_id, settings.api_stage)
    body = json.dumps({"reviews": reviews, "allow_unsupported": True}).encode()
    for attempt in range(TRIES):
        status, answer = api.post("/v1/ratings", body)
        if status == 200:
            found: list[dict[str, Any]] = json.loads(answer)["ratings"]
            return found
        logger.warning("the API is not ready", extra={"status": status, "attempt": attempt})
        time.sleep(WAIT_SECONDS)
    raise NotReadyError(_refusal(status, answer))


def _refusal(status: int, answer: bytes) -> str:
    """Why the API answered nothing: our own reason, or the firewall's silence."""
    said = f"the API answered {status} to the golden set, {TRIES} times"
    try:
        problem = json.loads(answer or b"{}")
        detail = str(problem.get("detail", ""))
    except (ValueError, AttributeError):
        detail = ""
    if status == 403 and detail in ("", FILTERED):
        log = f"{WAF_LOGS}{settings.name_prefix}"
        return f"{said}: its firewall refused them; the log {log} names the rule"
    return f"{said}: {detail}" if detail else said
