"""The end of a release: its record, what may be deleted, and the message for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract import keys
from lambdas.contract.live import version
from lambdas.contract.metrics import NAMESPACE, STAGE, release
from lambdas.contract.releases import MODEL_PACKAGE_ARN, RELEASED
from lambdas.ports import models, objects, stacks
from lambdas.release.decide import stale
from lambdas.release.undone import PersonDecision, undone
from lambdas.settings import ReleaseSettings

settings = ReleaseSettings.from_env()
logger = Logger(service="release")
metrics = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(**{STAGE: settings.stage})


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write `releases/<time>-<execution>.json`; after a success, sweep what serves nobody."""
    arn, outcome = event["model_package_arn"], event["outcome"]
    now = datetime.now(UTC)
    undoes = _undone(arn, now) if outcome == RELEASED else ""
    record = {
        "time": now.isoformat(timespec="seconds"),
        "model_package_arn": arn,
        "previous_package_arn": event.get("previous_package_arn", ""),
        "outcome": outcome,
        "reason": event.get("reason", ""),
        "execution": event["execution"],
        **({"undoes": undoes} if undoes else {}),
    }
    key = keys.release(f"{now:%Y%m%dT%H%M%SZ}-{event['execution'].rsplit(':', 1)[-1]}")
    body = json.dumps(record, indent=2).encode()
    objects.put_bytes(settings.models_bucket, key, body, "application/json")
    metrics.add_metric(release(outcome), MetricUnit.Count, 1)
    message = f"version {version(arn)} {outcome}: {record['reason']}"
    if undoes:
        message += f"; {undoes}"
    if outcome == RELEASED:
        message += _sweep(arn, record["previous_package_arn"])
    logger.info(message)
    return {"message": message, "record": key}


def _undone(arn: str, now: datetime) -> str:
    """What this release has undone of a person's decision, which is said once."""
    bucket = settings.models_bucket
    try:
        body = objects.read(bucket, keys.DECISION)
    except (FileNotFoundError, PermissionError):  # S3 tells who may not list no more than that
        return ""
    undoes = undone(msgspec.json.decode(body, type=PersonDecision), arn)
    if undoes:
        own = PersonDecision("", arn, "the Release machine", now.isoformat(timespec="seconds"))
        objects.put_bytes(bucket, keys.DECISION, msgspec.json.encode(own), "application/json")
    return undoes


def _sweep(live: str, previous: str) -> str:
    """Delete what belongs to no package that is live, previous or on its way; says how much."""
    prefix = settings.name_prefix
    made = [models.names_of(kind, prefix) for kind in ("endpoint_config", "model")]
    # Asked after the names: what a later release has made by now is what the stack asks for.
    wanted = stacks.parameters(settings.endpoint_stack).get(MODEL_PACKAGE_ARN, "")
    keep = [version(arn) for arn in (live, previous, wanted) if arn]
    configs, found = (stale(names, prefix, keep) for names in made)
    for name in configs:
        models.delete_endpoint_config(name)
    for name in found:
        models.delete_model(name)
    swept = len(configs) + len(found)
    return f"; {swept} old models and configurations deleted" if swept else ""
