"""What each function needs to know: infra writes it (to_env), the handler reads it (from_env)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Self


class SettingsError(Exception):
    """A variable is missing or cannot be read: the function must not start."""


def _parse(field: Field[Any], text: str) -> Any:
    if field.type == "int":
        return int(text)
    if field.type == "bool":
        if text not in ("true", "false"):
            raise SettingsError(f"{field.name.upper()} must be true or false")
        return text == "true"
    return text


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The environment of one function; a field's variable is its name in capitals."""

    stage: str

    def to_env(self) -> dict[str, str]:
        """The variables of the function; empty ones are left out."""
        values = {f.name.upper(): _text(getattr(self, f.name)) for f in fields(self)}
        return {name: text for name, text in values.items() if text != ""}

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the variables.

        Raises SettingsError with the name of the first one that is unset, empty or unreadable.
        """
        source = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for field in fields(cls):
            name = field.name.upper()
            text = source.get(name, "")
            if text:
                try:
                    values[field.name] = _parse(field, text)
                except ValueError:
                    raise SettingsError(f"{name} must be a whole number") from None
            elif field.default is MISSING:
                raise SettingsError(f"{name} is not set")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class PreprocessSettings(Settings):
    """Plan, worker and finish; `languages` and `keep_columns` are comma-separated.

    detector: how workers detect languages, a name in `reviews.language.DETECTORS`; code_version:
    the digest of the package that runs.
    """

    curated_bucket: str
    max_shard_bytes: int
    languages: str
    detector: str
    code_version: str
    keep_columns: str = ""


@dataclass(frozen=True, kw_only=True)
class LearnSettings(Settings):
    """Prepare and conclude a run of the pipeline, and sign its model in between.

    signing_key: the ARN of the key.
    commit_keys: comma-separated, where a commit that holds the program is said, if it is.
    tracks: whether runs are to be in MLflow; tracking_parameter: that names the stage's own app.
    """

    curated_bucket: str
    models_bucket: str
    pipeline_name: str
    live_parameter: str
    model_package_group: str
    configuration_digest: str
    image_uri: str
    commit_bucket: str
    commit_keys: str
    program_digest: str
    tracks: bool
    tracking_parameter: str = ""
    signing_key: str


@dataclass(frozen=True, kw_only=True)
class RatingsSettings(Settings):
    """Answer the API; `probe_roles` are comma-separated role names whose calls are probes.

    asking_role: of the function that asks each minute, which is nobody's question.
    """

    endpoint_name: str
    live_parameter: str
    predictions_stream: str
    feedback_stream: str
    capture_words: bool
    probe_roles: str = ""
    asking_role: str = ""


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings(Settings):
    """Validate, verify, ask the golden set, record; `alarm_names` are comma-separated.

    signing_key: the ARN of the key whose signature a package must carry; signature: of
    `reviews.signature`, what becomes of one without.
    """

    endpoint_name: str
    endpoint_stack: str
    live_parameter: str
    models_bucket: str
    model_package_group: str
    name_prefix: str
    signing_key: str
    signature: str
    api_id: str = ""
    api_stage: str = ""
    alarm_names: str = ""


@dataclass(frozen=True, kw_only=True)
class ProbeSettings(Settings):
    """Ask the API as a client does; runtime: the Python that the functions run on, as `3.13`."""

    endpoint_name: str
    live_parameter: str
    api_id: str
    api_stage: str
    runtime: str


@dataclass(frozen=True, kw_only=True)
class MonitorSettings(Settings):
    """Check a window for drift; `drift_config` is configs/drift.yaml as JSON.

    So many drifting windows of so many raise the alarm; then none for `cool_down_hours`.
    Predictions younger than `settle_minutes` may still be on their way, and wait.
    """

    observations_bucket: str
    models_bucket: str
    live_parameter: str
    alert_topic_arn: str
    learn_machine_arn: str
    drift_config: str
    alarms_needed: int = 2
    alarms_of: int = 3
    settle_minutes: int = 15
    cool_down_hours: int = 24
