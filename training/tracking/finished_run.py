"""A finished run as plain values, read from the files that its jobs left."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from training.errors import ArtefactError
from training.evaluation.evaluation import FILE, Evaluation, read_evaluation
from training.evaluation.slices import large_enough
from training.report.wording import flatten, fold_metrics
from training.sagemaker import PROVENANCE

MAX_VALUE = 500  # characters that every MLflow store takes for a parameter
MAX_TAG = 5000
SLICE_METRICS = ("rows", "accuracy", "macro_f1", "mae", "ece")
FROM_MANIFEST = ("family", "text_rules", "token_rules", "detector")  # tags
PREPROCESSING = ("read", "kept", "duplicates", "rejected", "blank", "languages", "ratings")


@dataclass(frozen=True)
class Run:
    """A run as plain values, ready to be sent anywhere."""

    name: str
    digest: str
    parameters: dict[str, str]
    metrics: dict[str, float]
    folds: list[dict[str, float]]
    tags: dict[str, str]
    dataset: dict[str, str]  # name, digest, uri


def describe(folder: Path, evaluation: Path, dataset: Path | None = None) -> Run:
    """Read a run from its files. Raises ArtefactError where they are no run."""
    manifest, training = _read(folder / "model.json"), _read(folder / "training.json")
    found = read_evaluation(evaluation)
    counts = _read(dataset) if dataset else {}
    provenance = manifest["provenance"]
    return Run(
        name=" ".join(filter(None, (manifest["family"], provenance.get("dataset_id")))),
        digest=_digest(folder / "model.json", evaluation / FILE),
        parameters={
            key: str(value)[:MAX_VALUE] for key, value in flatten(manifest["configuration"])
        },
        metrics=_metrics(found),
        folds=fold_metrics(training),
        tags=_tags(manifest, found, counts.get("counts", counts)),
        dataset={
            "name": str(provenance.get("dataset_id") or "local files"),
            "digest": str(provenance.get("dataset_sha256") or "")[:32] or "unknown",
            "uri": str(provenance.get("dataset_manifest_uri") or ""),
        },
    )


def _metrics(evaluation: Evaluation) -> dict[str, float]:
    fields = structs.asdict(evaluation)
    numbers = {name: float(value) for name, value in fields.items() if _is_number(value)}
    for star, entry in evaluation.per_class.items():
        numbers |= {f"f1_of_{star}": entry.f1, f"recall_of_{star}": entry.recall}
    spread = evaluation.spread.items()
    numbers |= {f"spread.{name}": value for name, value in spread if value is not None}
    differences = evaluation.champion.differences if evaluation.champion else {}
    numbers |= {f"against_champion.{name}": entry.difference for name, entry in differences.items()}
    numbers |= {f"behaviour.{one.name}": one.rate for one in evaluation.behaviour}
    return numbers | dict(_slice_metrics(evaluation))


def _slice_metrics(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    """Of slices, and pairs of them, that are large enough to tell."""
    for grouping, value, one in large_enough(evaluation.slices):
        name = f"slice.{grouping}.{value}".replace(" ", "_")
        for metric in SLICE_METRICS:
            yield f"{name}.{metric}", float(getattr(one, metric))
        yield f"{name}.over_majority", one.over_majority.gain


def _tags(
    manifest: Mapping[str, Any], evaluation: Evaluation, counts: Mapping[str, Any]
) -> dict[str, str]:
    provenance, verdict = manifest["provenance"], evaluation.gate
    tags = {name: provenance[name] for name in PROVENANCE if provenance.get(name)}
    tags |= {name: manifest[name] for name in FROM_MANIFEST}
    tags["gate"] = "passed" if verdict.passed else "refused"
    tags["gate_message"] = verdict.message
    if execution := os.environ.get("PIPELINE_EXECUTION_ID"):
        tags["pipeline_execution"] = execution
    wanted = {name: counts[name] for name in PREPROCESSING if name in counts}
    tags |= {f"reviews.{name}": value for name, value in flatten(wanted)}
    return {name: str(value)[:MAX_TAG] for name, value in tags.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise ArtefactError(f"{path.name} of the run cannot be read") from error
    return content


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
