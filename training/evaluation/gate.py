"""Whether a model may be registered: floors of `configs/model.yaml`, and no step back.

Pure: figures and settings in, a verdict with every condition out. The message goes whole into
the pipeline's failure message, after "Refused:", so it stays under 1,000 characters.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from reviews.errors import ConfigurationError
from training.evaluation import behaviour
from training.evaluation.behaviour import BehaviourFloor
from training.evaluation.evaluation import (
    BehaviourResult,
    Bound,
    Condition,
    GateVerdict,
    Metrics,
)
from training.evaluation.metrics import LOWER_IS_BETTER
from training.evaluation.slice_gate import SliceLimits, Slices
from training.evaluation.slice_gate import conditions as slice_conditions

MAX_MESSAGE = 1000  # characters; the pipeline's failure message takes 1,024
AT_LEAST: Bound = "at_least"
AT_MOST: Bound = "at_most"
EXACT = 1e-9  # two sums of the same rows may differ by so much


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One absolute condition: the figure called `metric` is at least, or at most, so much."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"gate: {self.metric} needs either at_least or at_most")


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `gate:` block of `configs/model.yaml`.

    full_rows: hold-out rows from which `full` applies; below, `smoke` does.
    champion_margin: how much worse than the champion each of `champion_metrics` may be.
    slices: judged where `full` is. behaviour: judged by the rows that a model learned from.
    """

    full_rows: int
    champion_margin: float
    champion_metrics: tuple[str, ...]
    slices: SliceLimits
    full: tuple[Floor, ...]
    smoke: tuple[Floor, ...]
    behaviour: tuple[BehaviourFloor, ...]

    @classmethod
    def from_mapping(cls, block: Mapping[str, Any]) -> "GateSettings":
        """Check the block. Raises ConfigurationError with the key that is wrong."""
        try:
            return msgspec.convert(block, cls)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"gate: {error}") from error


def judge(
    figures: Metrics,
    settings: GateSettings,
    champion: Metrics | None = None,
    slices: Slices | None = None,
    behaviour_results: Sequence[BehaviourResult] = (),
) -> GateVerdict:
    """Judge the figures of a hold-out.

    champion: those of the model in service, on the same rows; None: there is none.
    slices, behaviour_results: of the model, see `training.evaluation.slices` and `behaviour`.
    A figure that is absent or not finite fails its condition.
    """
    is_full = figures.rows >= settings.full_rows
    floors = settings.full if is_full else settings.smoke
    conditions = [_floor(figures, floor) for floor in floors]
    if champion is not None:
        conditions += [
            _no_step_back(name, figures, champion, settings.champion_margin)
            for name in settings.champion_metrics
        ]
    if is_full and slices:
        conditions += slice_conditions(slices, settings.slices)
    conditions += behaviour.conditions(behaviour_results)
    passed = bool(conditions) and all(condition.passed for condition in conditions)
    kind: Literal["full", "smoke"] = "full" if is_full else "smoke"
    scope = f"{kind} floors, {figures.rows} hold-out rows"
    message = _message(passed, conditions, scope, champion is not None)
    return GateVerdict(passed, kind, message, tuple(conditions))


def find(figures: Metrics, name: str) -> float | None:
    """The figure called so: a metric, `gain_over_majority`, `recall_of_1` or `f1_of_2`."""
    kind, _, star = name.partition("_of_")
    value: object
    if name == "gain_over_majority":
        value = figures.accuracy - figures.majority
    elif star:
        value = getattr(figures.per_class.get(star), kind, None)
    else:
        value = getattr(figures, name, None)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _floor(figures: Metrics, floor: Floor) -> Condition:
    value = find(figures, floor.metric)
    if floor.at_least is not None:
        threshold, sign, bound = floor.at_least, "below", AT_LEAST
        passed = value is not None and value >= threshold - EXACT
    else:
        assert floor.at_most is not None  # one of the two is given: Floor checks it
        threshold, sign, bound = floor.at_most, "above", AT_MOST
        passed = value is not None and value <= threshold + EXACT
    message = f"{floor.metric} {_figure(value)} is {sign} {threshold:g}"
    return Condition(floor.metric, value, threshold, passed, "" if passed else message, bound)


def _no_step_back(name: str, figures: Metrics, champion: Metrics, margin: float) -> Condition:
    own, theirs = find(figures, name), find(champion, name)
    if own is None or theirs is None:
        message = f"{name} cannot be compared with the champion's"
        return Condition(f"{name}_against_champion", None, -margin, False, message)
    gain = theirs - own if name in LOWER_IS_BETTER else own - theirs
    passed = gain >= -margin - EXACT
    message = (
        f"{name} {_figure(own)} is worse than the champion's {_figure(theirs)} by over {margin:g}"
    )
    return Condition(f"{name}_against_champion", gain, -margin, passed, "" if passed else message)


def _message(passed: bool, conditions: Sequence[Condition], scope: str, compared: bool) -> str:
    if not conditions:
        return f"the gate has no condition ({scope})."
    if passed:
        against = "the champion was compared" if compared else "no champion to compare with"
        return f"all {len(conditions)} conditions hold ({scope}; {against})."
    failed = [condition for condition in conditions if not condition.passed]
    message = f"{_join(c.message for c in failed)} ({scope})."
    if len(message) > MAX_MESSAGE:  # the names alone, if there are that many
        message = f"{_join(c.name for c in failed)} ({scope})."
    return message[:MAX_MESSAGE]


def _join(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _figure(value: float | None) -> str:
    return "(absent)" if value is None else f"{value:.4f}"
