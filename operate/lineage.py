"""From a version that answers to the rows that it learned from, each link checked."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from lambdas.ports import models, objects
from operate import packages
from operate.deployment import Deployment
from operate.errors import OperateError


def lineage(deployment: Deployment, version: str = "") -> dict[str, Any]:
    """Everything between a version and its rows; empty is the live one.

    Raises InputError where there is no such version, OperateError where a link is broken.
    """
    package = packages.find(deployment, version)
    metadata = package.metadata
    evaluation = json.loads(objects.read_uri(metadata["evaluation_uri"]))
    dataset = _dataset(deployment, metadata)
    headline = ("accuracy", "macro_f1", "mae", "qwk", "within_one", "ece", "majority", "rows")
    return {
        "model": {
            "version": package.version,
            "package": package.arn,
            "approval": package.approval,
            "registered": f"{package.created:%FT%TZ}",
            "artefact": package.model_data_url,
            "image": metadata["image_uri"],
        },
        "serving": _serving(deployment, package.arn),
        "releases": _releases(deployment, package.arn),
        "evaluation": {
            "uri": metadata["evaluation_uri"],
            "report": metadata["report_uri"],
            "model_card": metadata["model_card_uri"],
            "model_card_in_registry": package.card_status or "none",
            "baseline": metadata["baseline_uri"],
            "gate": evaluation["gate"]["message"],
            **{name: evaluation[name] for name in headline if name in evaluation},
        },
        "code": {
            "git_commit": metadata["git_commit"],
            "configuration_sha256": metadata["configuration_digest"],
            "text_rules": metadata["text_rules"],
        },
        "run": {"prefix": metadata["run_prefix"], **_tracking(metadata["run_prefix"])},
        "dataset": dataset,
    }


def _serving(deployment: Deployment, arn: str) -> dict[str, Any]:
    try:
        endpoint, served = models.served_package(deployment["EndpointName"])
    except FileNotFoundError:
        return {"live": False}
    if served != arn:
        return {"live": False, "instead": served}
    return {"live": True, "endpoint": deployment["EndpointName"], "config": endpoint.configuration}


def _releases(deployment: Deployment, arn: str) -> list[dict[str, Any]]:
    bucket = deployment["ModelsBucket"]
    found = []
    for key in objects.list_keys(bucket, "releases/"):
        record = json.loads(objects.read(bucket, key))
        if record.get("model_package_arn") == arn and "outcome" in record:
            found.append({"record": f"s3://{bucket}/{key}", **record})
    return found


def _tracking(run_prefix: str) -> dict[str, Any]:
    """What the step Track left: the run in MLflow, or why there is none."""
    bucket, prefix = objects.split_uri(run_prefix)
    try:
        body = objects.read(bucket, f"{prefix.rstrip('/')}/tracking/tracking.json")
    except FileNotFoundError:
        return {"tracking": "the run left no tracking.json"}
    return {"tracking": json.loads(body)}


def _dataset(deployment: Deployment, metadata: dict[str, str]) -> dict[str, Any]:
    """The dataset's record; its manifest is read at its version and compared with its digest."""
    bucket, key = objects.split_uri(metadata["dataset_manifest_uri"])
    manifest = objects.read(bucket, key, metadata["dataset_version_id"] or None)
    digest = hashlib.sha256(manifest).hexdigest()
    if digest != metadata["dataset_sha256"]:
        raise OperateError(
            f"{metadata['dataset_manifest_uri']} is not what the model learned from: its sha256 is "
            f"{digest}, the package says {metadata['dataset_sha256']}"
        )
    record = json.loads(
        objects.read(deployment["CuratedBucket"], f"datasets/{metadata['dataset_id']}/dataset.json")
    )
    return {
        "id": metadata["dataset_id"],
        "manifest": metadata["dataset_manifest_uri"],
        "manifest_version_id": metadata["dataset_version_id"],
        "manifest_sha256": digest,
        "parquet_objects": len(json.loads(manifest)) - 1,
        "detector": record.get("detector", ""),
        "counts": record["counts"],
        "sources": record["sources"],
    }
