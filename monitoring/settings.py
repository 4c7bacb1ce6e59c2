"""The knobs of `configs/drift.yaml`; every one has its unit and reason there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from reviews.errors import ConfigurationError

Positive = Annotated[int, Meta(ge=1)]
Chance = Annotated[float, Meta(gt=0.0, lt=1.0)]


class WindowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How predictions become windows."""

    min_rows: Positive
    max_rows: Positive
    max_age_days: Annotated[float, Meta(gt=0.0)]


class TestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the tests judge a window."""

    __test__ = False  # pytest takes a class of this name for its own

    false_alarm_rate: Chance
    min_baseline_rows: Positive
    cell_correction: Annotated[float, Meta(ge=0.0)]
    exact_below_rows: Annotated[float, Meta(ge=0.0)]


class FeedbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How true stars that came back judge the model."""

    min_pairs: Positive
    confidence: Chance


class DriftSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `configs/drift.yaml`."""

    window: WindowSettings
    tests: TestSettings
    feedback: FeedbackSettings

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> "DriftSettings":
        """Check the content. Raises ConfigurationError with the key that is wrong."""
        try:
            return msgspec.convert(content, cls)
        except msgspec.ValidationError as error:
            raise ConfigurationError(str(error)) from error

    @classmethod
    def from_json(cls, text: str | bytes) -> "DriftSettings":
        """The same from JSON, as the monitor Lambda gets it. Raises ConfigurationError."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise ConfigurationError(str(error)) from error

    @classmethod
    def read(cls, path: Path) -> "DriftSettings":
        """The same from a YAML file. Raises ConfigurationError, or OSError if it cannot be read."""
        try:
            return msgspec.yaml.decode(path.read_bytes(), type=cls)
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"{path.name}: {error}") from error
