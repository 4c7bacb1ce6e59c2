"""What decides a run: which one goes on, on what, against whom. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reviews.errors import ConfigurationError

NONE = "none"  # the live record where no model is released
ALONE = "alone"  # the reason of a run that a person wants without a champion


@dataclass(frozen=True)
class Dataset:
    """What `datasets/<id>/dataset.json` says that a run needs."""

    id: str
    manifest_uri: str
    manifest_version_id: str
    manifest_sha256: str
    text_rules: str
    detector: str

    @classmethod
    def read(cls, record: dict[str, Any]) -> Dataset:
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
        )
        for what, value in (("text rules", dataset.text_rules), ("detectors", dataset.detector)):
            if "+" in value:
                raise ConfigurationError(
                    f"dataset {dataset.id} was refined by different {what} "
                    f"({value.replace('+', ' and ')}): refine its raw files again (make refine)"
                )
        return dataset


def newest(keys: Sequence[str]) -> str | None:
    """The newest dataset among keys under `datasets/`: ids begin with the time of listing."""
    ids = [key.split("/")[1] for key in keys if key.endswith("/dataset.json")]
    return max(ids, default=None)


def goes_on(own: str, running: Sequence[tuple[str, float]]) -> bool:
    """Whether the execution of this name is the earliest of those that run.

    running: names with their start (epoch seconds); names break a tie.
    """
    return not running or min(running, key=lambda item: (item[1], item[0]))[0] == own


def why_refused(
    reason: str, dataset: Dataset, live: Mapping[str, str], image_uri: str, configuration: str
) -> str:
    """Why a run for this reason has nothing to learn; empty where it has.

    live: metadata of the live model's package, empty where nothing is live. A person is never
    refused; events come twice, and a schedule comes whether anything is new or not.
    """
    learned = f"dataset {dataset.id} is what the live model has learned from"
    is_old = dataset.manifest_sha256 == live.get("dataset_sha256")
    by_the_same = (image_uri, configuration) == (
        live.get("image_uri"),
        live.get("configuration_digest"),
    )
    if reason == "drift" and is_old:
        return f"drift, but {learned}: upload recent reviews first"
    if reason in ("dataset", "schedule") and is_old and by_the_same:
        return f"{learned}, by the same code and settings"
    return ""


def token(dataset_id: str, configuration_digest: str, image_uri: str, execution_name: str) -> str:
    """The ClientRequestToken of a run: the same run, asked for twice, starts once."""
    words = "\n".join((dataset_id, configuration_digest, image_uri, execution_name))
    return hashlib.sha256(words.encode()).hexdigest()


def parameters(
    dataset: Dataset, champion_uri: str, configuration_digest: str, git_commit: str
) -> list[dict[str, str]]:
    """The pipeline's parameters, as StartPipelineExecution takes them."""
    values = {
        "DatasetManifestUri": dataset.manifest_uri,
        "DatasetId": dataset.id,
        "DatasetVersionId": dataset.manifest_version_id,
        "DatasetSha256": dataset.manifest_sha256,
        "TextRules": dataset.text_rules,
        "ChampionModelUri": champion_uri,
        "ConfigurationDigest": configuration_digest,
        "GitCommit": git_commit,
    }
    return [{"Name": name, "Value": value} for name, value in values.items()]


def step_of(statuses: Sequence[tuple[str, str, str]]) -> str:
    """The sentence of what failed: (name, status, reason) of each step, in order.

    The Fail step's own message stands for itself; any other step is named.
    """
    for name, status, reason in statuses:
        if status == "Failed":
            return reason if name == "Refused" else f"step {name} failed: {reason}"
    return "the pipeline failed without naming a step"
