"""What decides a run: which one may, on what, against whom. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lambdas.contract import keys, learning, packages, pipeline
from reviews.errors import ConfigurationError


@dataclass(frozen=True)
class DatasetRecord:
    """What `datasets/<id>/dataset.json` says that a run needs."""

    id: str
    manifest_uri: str
    manifest_version_id: str
    manifest_sha256: str
    text_rules: str
    detector: str
    rows: int

    @classmethod
    def read(cls, record: dict[str, Any]) -> DatasetRecord:
        """From the parsed record.

        Raises ConfigurationError where sources were refined in different ways, which finish joins
        by `+`: no model can be learned from both.
        """
        dataset = cls(
            record["id"],
            record["manifest_uri"],
            record["manifest_version_id"],
            record["manifest_sha256"],
            str(record["text_rules"]),
            str(record.get("detector", "")),
            int(record["counts"]["kept"]),
        )
        for what, value in (("text rules", dataset.text_rules), ("detectors", dataset.detector)):
            if "+" in value:
                raise ConfigurationError(
                    f"dataset {dataset.id} was refined by different {what} "
                    f"({value.replace('+', ' and ')}): refine its raw files again (make refine)"
                )
        return dataset


class LearnedModel(msgspec.Struct, frozen=True):
    """Of evaluation.json: where the model comes from, as the job that made it found."""

    provenance: dict[str, str]


def origin(evaluation: bytes) -> dict[str, str]:
    """Commit and digests of what the job ran, which a deploy cannot know of a working tree.

    evaluation: the content of evaluation.json. What the job did not record is unknown.
    """
    found = msgspec.json.decode(evaluation, type=LearnedModel).provenance
    names = (packages.GIT_COMMIT, packages.CONFIGURATION_DIGEST, packages.PROGRAM_DIGEST)
    return {name: found.get(name) or packages.UNKNOWN for name in names}


def newest(listed: Sequence[str]) -> str | None:
    """The newest dataset among keys under `datasets/`: ids begin with the time of listing."""
    return max(filter(None, map(keys.dataset_id, listed)), default=None)


def is_earliest(own: str, running: Sequence[tuple[str, float]]) -> bool:
    """Whether the execution of this name is the earliest of those that run: only that one goes on.

    running: names with their start (epoch seconds); names break a tie.
    """
    return not running or min(running, key=lambda item: (item[1], item[0]))[0] == own


def why_refused(
    reason: str, dataset: DatasetRecord, live: Mapping[str, str], image_uri: str, configuration: str
) -> str:
    """Why a run for this reason has nothing to learn; empty where it has.

    live: metadata of the live model's package, empty where nothing is live. A person is never
    refused; events come twice, and a schedule comes whether anything is new or not.
    """
    learned = f"dataset {dataset.id} is what the live model has learned from"
    is_old = dataset.manifest_sha256 == live.get(packages.DATASET_SHA256)
    by_the_same = (image_uri, configuration) == (
        live.get(packages.IMAGE_URI),
        live.get(packages.CONFIGURATION_DIGEST),
    )
    if reason == learning.DRIFT and is_old:
        return f"drift, but {learned}: upload recent reviews first"
    if reason in (learning.DATASET, learning.SCHEDULE) and is_old and by_the_same:
        return f"{learned}, by the same code and settings"
    return ""


def token(dataset_id: str, configuration_digest: str, image_uri: str, execution_name: str) -> str:
    """The ClientRequestToken of a run: the same run, asked for twice, starts once."""
    parts = "\n".join((dataset_id, configuration_digest, image_uri, execution_name))
    return hashlib.sha256(parts.encode()).hexdigest()


def parameters(
    dataset: DatasetRecord,
    champion_uri: str,
    deployed: Mapping[str, str],
    *,
    approval: str | None = None,
) -> list[dict[str, str]]:
    """The pipeline's parameters, as StartPipelineExecution takes them.

    deployed: the parameters that say what was deployed: the job compares it with what it runs.
    approval: of the package that comes of the run; None leaves it to the stage.
    """
    values = {
        pipeline.DATASET_MANIFEST_URI: dataset.manifest_uri,
        pipeline.DATASET_ID: dataset.id,
        pipeline.DATASET_VERSION_ID: dataset.manifest_version_id,
        pipeline.DATASET_SHA256: dataset.manifest_sha256,
        pipeline.TEXT_RULES: dataset.text_rules,
        pipeline.CHAMPION_MODEL_URI: champion_uri,
        **deployed,
    }
    if approval:
        values[pipeline.MODEL_APPROVAL_STATUS] = approval
    return [{"Name": name, "Value": value} for name, value in values.items()]


def failed_step(statuses: Sequence[tuple[str, str, str]]) -> str:
    """The sentence of what failed: (name, status, reason) of each step, in order.

    The Fail step's own message stands for itself; any other step is named.
    """
    for name, status, reason in statuses:
        if status == "Failed":
            return reason if name == pipeline.REFUSED else f"step {name} failed: {reason}"
    return "the pipeline failed without naming a step"
