"""The settings of a model: `configs/model.yaml`, checked, with what a job overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from training.errors import ConfigurationError
from training.model.decision import DecisionRule

DEFAULT_PATH = Path(__file__).resolve().parent.parent / "configs" / "model.yaml"

OVERRIDES = ("folds", "seed", "family", "balance", "mode")  # what a job may set by itself

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Family = Literal["views", "plain"]
Mode = Literal["auto", "memory", "streaming"]
Balance = Literal["none", "undersample", "weights"]
BALANCES: tuple[Balance, ...] = ("none", "undersample", "weights")


class Space(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One n-gram space: which n-grams it knows, and how its classifiers are regularised."""

    min_rows: Count
    max_bigrams: Annotated[int, Meta(ge=0)]
    c: Positive


class Spaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The spaces of a review."""

    text: Space
    title: Space
    first: Space
    last: Space
    short: Space


class ViewsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the `views` family."""

    spaces: Spaces
    edge_tokens: Count
    ratio_power: Share
    ratio_floor: Positive
    tolerance: Positive
    iterations: Count


class StreamingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the `views` family where the rows do not fit into memory."""

    memory_gigabytes: Positive
    hash_bits: Annotated[int, Meta(ge=10, le=22)]
    max_ngrams: Count
    batch_rows: Count
    learning_rate: Positive
    vocabulary_rows: Count
    stacking_rows: Count
    hold_out_rows: Annotated[int, Meta(ge=2)]


class StackingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the nets over the classifiers' scores."""

    hidden: Count
    nets: Count
    epochs: Count
    batch_rows: Count
    learning_rate: Positive
    decay: Annotated[float, Meta(ge=0)]
    clip: Positive


class PlainSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the `plain` family."""

    space: Space
    iterations: Count


class TopicsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the SVD coordinates that drift is judged by."""

    coordinates: Count
    ngrams: Count
    rows: Count


class EvaluationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of how a model is judged, apart from the gate."""

    max_rows: Count


class ArtefactSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of what stands in the folder."""

    golden_rows: Count
    max_megabytes: Positive


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `configs/model.yaml`. `gate` is read by `training.evaluation.gate`."""

    family: Family
    mode: Mode
    languages: Annotated[tuple[str, ...], Meta(min_length=1)]
    seed: Annotated[int, Meta(ge=0, lt=2**31)]
    folds: Annotated[int, Meta(ge=2, le=20)]
    balance: Balance
    min_training_rows: Count
    decision_rules: Annotated[tuple[DecisionRule, ...], Meta(min_length=1)]
    accuracy_slack: Share
    views: ViewsSettings
    streaming: StreamingSettings
    stacking: StackingSettings
    plain: PlainSettings
    topics: TopicsSettings
    artefact: ArtefactSettings
    evaluation: EvaluationSettings
    gate: dict[str, Any]

    def with_overrides(self, overrides: Mapping[str, str]) -> "ModelConfig":
        """The same with some of OVERRIDES, as strings.

        Raises ConfigurationError for any other name, or a value out of range.
        """
        if unknown := sorted(set(overrides) - set(OVERRIDES)):
            raise ConfigurationError(f"no such hyperparameter: {', '.join(unknown)}")
        return _convert({**msgspec.to_builtins(self), **overrides}, "hyperparameters")


def load(path: Path | None = None) -> ModelConfig:
    """Read and check a settings file. Raises ConfigurationError with the key that is wrong."""
    import yaml  # here, so that a server need not

    path = path or DEFAULT_PATH
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {type(error).__name__}") from error
    return _convert(content, path.name)


def _convert(content: Any, source: str) -> ModelConfig:
    try:
        return msgspec.convert(content, ModelConfig, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{source}: {error}") from error
