"""From a version that answers to the rows that it learned from, each link checked."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Any

from lambdas.contract import keys, outputs
from lambdas.contract import packages as registry
from lambdas.ports import models, objects
from operate import packages
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.evaluation import read_evaluation


def lineage(deployment: Deployment, version: str = "") -> dict[str, Any]:
    """Everything between a version and its rows; empty is the live one.

    Raises InputError where there is no such version, OperateError where a link is broken.
    """
    package = packages.find(deployment, version)
    metadata = packages.Pointers(package)
    evaluation = read_evaluation(metadata[registry.EVALUATION_URI])
    dataset = _dataset(metadata)
    headline = ("accuracy", "macro_f1", "mae", "qwk", "within_one", "ece", "majority", "rows")
    return {
        "model": {
            "version": package.version,
            "package": package.arn,
            "approval": package.approval,
            "registered": f"{package.created.astimezone(UTC):%FT%TZ}",
            "artefact": package.model_data_url,
            "image": metadata[registry.IMAGE_URI],
            "signed_by": metadata.get(registry.SIGNING_KEY, "nobody"),
        },
        "serving": _serving(deployment, package.arn),
        "releases": _releases(deployment, package.arn),
        "evaluation": {
            "uri": metadata[registry.EVALUATION_URI],
            "report": metadata[registry.REPORT_URI],
            "model_card": metadata[registry.MODEL_CARD_URI],
            "model_card_in_registry": package.card_status or "none",
            "baseline": metadata[registry.BASELINE_URI],
            "gate": evaluation.gate.message,
            **{name: evaluation.metrics[name] for name in headline},
        },
        "code": {
            # As the job found them when it ran; a commit that does not hold them is marked.
            "git_commit": metadata[registry.GIT_COMMIT],
            "configuration_sha256": metadata[registry.CONFIGURATION_DIGEST],
            "program_sha256": metadata.get(registry.PROGRAM_DIGEST, registry.UNKNOWN),
            "text_rules": metadata[registry.TEXT_RULES],
        },
        "run": {
            "prefix": metadata[registry.RUN_PREFIX],
            **_tracking(metadata[registry.RUN_PREFIX]),
        },
        "dataset": dataset,
        **_promotion(metadata),
    }


def _serving(deployment: Deployment, arn: str) -> dict[str, Any]:
    try:
        endpoint, served = models.served_package(deployment[outputs.ENDPOINT_NAME])
    except FileNotFoundError:
        return {"live": False}
    if served != arn:
        return {"live": False, "instead": served}
    return {
        "live": True,
        "endpoint": deployment[outputs.ENDPOINT_NAME],
        "config": endpoint.configuration,
    }


def _releases(deployment: Deployment, arn: str) -> list[dict[str, Any]]:
    bucket = deployment[outputs.MODELS_BUCKET]
    found = []
    for key in objects.list_keys(bucket, keys.RELEASES):
        if key == keys.DECISION:
            continue
        record = json.loads(objects.read(bucket, key))
        if record.get("model_package_arn") == arn and "outcome" in record:
            found.append({"record": f"s3://{bucket}/{key}", **record})
    return found


def _tracking(run_prefix: str) -> dict[str, Any]:
    """What the step Track left: the run in MLflow, or why there is none."""
    bucket, prefix = objects.split_uri(run_prefix)
    try:
        body = objects.read(bucket, f"{prefix.rstrip('/')}/{keys.TRACKING}/{keys.TRACKING_FILE}")
    except FileNotFoundError:
        return {"tracking": "the run left no tracking.json"}
    return {"tracking": json.loads(body)}


def _promotion(metadata: dict[str, str]) -> dict[str, Any]:
    """The package of another account that this one was, and the record of its way; else nothing."""
    if registry.PROMOTED_FROM not in metadata:
        return {}
    uri = f"{metadata[registry.RUN_PREFIX].rstrip('/')}/{keys.PROMOTION_FILE}"
    record = json.loads(objects.read_uri(uri))
    return {"promoted": {"record": uri, **record}}


def _dataset(metadata: dict[str, str]) -> dict[str, Any]:
    """The dataset's record, beside its manifest, which is read at its version and compared with
    its digest; of a promoted package both are copies, and the rows lie in the first account."""
    bucket, key = objects.split_uri(metadata[registry.DATASET_MANIFEST_URI])
    manifest = objects.read(bucket, key, metadata[registry.DATASET_VERSION_ID] or None)
    digest = hashlib.sha256(manifest).hexdigest()
    if digest != metadata[registry.DATASET_SHA256]:
        raise OperateError(
            f"{metadata[registry.DATASET_MANIFEST_URI]} is not what the model learned from: its "
            f"sha256 is {digest}, the package says {metadata[registry.DATASET_SHA256]}"
        )
    record = json.loads(objects.read(bucket, f"{key.rpartition('/')[0]}/{keys.DATASET_FILE}"))
    return {
        "id": metadata[registry.DATASET_ID],
        "manifest": metadata[registry.DATASET_MANIFEST_URI],
        "manifest_version_id": metadata[registry.DATASET_VERSION_ID],
        "manifest_sha256": digest,
        "parquet_objects": len(json.loads(manifest)) - 1,
        "detector": record.get("detector", ""),
        "counts": record["counts"],
        "sources": record["sources"],
    }
