"""A finished run as plain values, read from the files that its jobs left."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from training.errors import ArtefactError
from training.report.report import fold_figures

LONGEST_VALUE = 500  # characters that every MLflow store takes for a parameter
LONGEST_TAG = 5000
FROM_MODEL = ("family", "text_rules", "token_rules", "detector")  # tags
PREPROCESSING = ("read", "kept", "duplicates", "rejected", "blank", "languages", "ratings")
PROVENANCE_TAGS = (
    "dataset_id",
    "dataset_manifest_uri",
    "dataset_sha256",
    "git_commit",
    "image_uri",
)


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
    about, figures = _read(folder / "model.json"), _read(evaluation / "evaluation.json")
    training = _read(folder / "training.json", needed=False)
    counts = _read(dataset) if dataset else {}
    provenance = about.get("provenance", {})
    name = " ".join(part for part in (about.get("family"), provenance.get("dataset_id")) if part)
    return Run(
        name=name or "run",
        digest=_digest(folder / "model.json", evaluation / "evaluation.json"),
        parameters={
            key: str(value)[:LONGEST_VALUE] for key, value in flat(about.get("configuration", {}))
        },
        metrics=_metrics(figures),
        folds=fold_figures(training),
        tags=_tags(about, figures, counts.get("counts", counts)),
        dataset={
            "name": str(provenance.get("dataset_id") or "local files"),
            "digest": str(provenance.get("dataset_sha256") or "")[:32] or "unknown",
            "uri": str(provenance.get("dataset_manifest_uri") or ""),
        },
    )


def _metrics(figures: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name: float(value) for name, value in figures.items() if _is_number(value)}
    for star, entry in figures.get("per_class", {}).items():
        numbers |= {f"{kind}_of_{star}": float(entry[kind]) for kind in ("f1", "recall")}
    for name, value in figures.get("spread", {}).items():
        if _is_number(value):
            numbers[f"spread.{name}"] = float(value)
    differences = (figures.get("champion") or {}).get("differences", {})
    return numbers | {
        f"against_champion.{name}": float(entry["difference"])
        for name, entry in differences.items()
    }


def _tags(
    about: Mapping[str, Any], figures: Mapping[str, Any], counts: Mapping[str, Any]
) -> dict[str, str]:
    provenance, verdict = about.get("provenance", {}), figures.get("gate", {})
    tags = {name: provenance[name] for name in PROVENANCE_TAGS if provenance.get(name)}
    tags |= {name: about[name] for name in FROM_MODEL if name in about}
    tags["gate"] = "passed" if verdict.get("passed") else "refused"
    tags["gate_message"] = verdict.get("message", "")
    if execution := os.environ.get("PIPELINE_EXECUTION_ID"):
        tags["pipeline_execution"] = execution
    wanted = {name: counts[name] for name in PREPROCESSING if name in counts}
    tags |= {f"reviews.{name}": value for name, value in flat(wanted)}
    return {name: str(value)[:LONGEST_TAG] for name, value in tags.items()}


def flat(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted names; lists of plain values stay one value."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from flat(value, f"{name}.{key}" if name else str(key))
    elif isinstance(content, list | tuple) and any(isinstance(item, Mapping) for item in content):
        for place, item in enumerate(content):
            yield from flat(item, f"{name}.{place}")
    elif isinstance(content, list | tuple):
        yield name, ", ".join(map(str, content))
    else:
        yield name, content


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(path: Path, *, needed: bool = True) -> dict[str, Any]:
    if not needed and not path.is_file():
        return {}
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
