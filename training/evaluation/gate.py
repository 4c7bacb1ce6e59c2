"""Whether a model may be registered: floors of `configs/model.yaml`, and no step back.

Pure: figures and settings in, a verdict with every condition out. The message goes whole into
the pipeline's failure message, after "Refused:", so it stays under 1,000 characters.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from reviews.errors import ConfigurationError
from training.evaluation import behaviour
from training.evaluation.behaviour import BehaviourFloor
from training.evaluation.evaluation import (
    BehaviourResult,
    Bound,
    Condition,
    Floors,
    GateVerdict,
    Metrics,
)
from training.evaluation.metrics import LOWER_IS_BETTER, constant_mae
from training.evaluation.slice_gate import SliceLimits, Slices
from training.evaluation.slice_gate import conditions as slice_conditions

MAX_MESSAGE = 1000  # characters; the pipeline's failure message takes 1,024
AT_LEAST: Bound = "at_least"
AT_MOST: Bound = "at_most"
EXACT = 1e-9  # two sums of the same rows may differ by so much


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One absolute condition: the figure called `metric` is at least, or at most, so much.

    falls: where the majority is over one half, the floor falls in proportion to what it leaves.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    falls: bool = False

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"gate: {self.metric} needs either at_least or at_most")
        if self.falls and self.at_least is None:
            raise ValueError(f"gate: {self.metric} needs at_least, for only floors fall")

    def threshold(self, majority: float) -> float:
        """What is asked where the commonest star has this share."""
        bound = self.at_most if self.at_least is None else self.at_least
        assert bound is not None  # one of the two is given: checked above
        return bound * min(1.0, 2.0 * (1.0 - majority)) if self.falls else bound


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `gate:` block of `configs/model.yaml`.

    full_rows: hold-out rows from which `full` applies, where the share of the commonest star lies
    within `usual_majorities`, else `relative`; below, `smoke` does.
    champion_margin: how much worse than the champion each of `champion_metrics` may be.
    slices: not judged with `smoke`. behaviour: judged by the rows that a model learned from.
    """

    full_rows: int
    champion_margin: float
    champion_metrics: tuple[str, ...]
    slices: SliceLimits
    usual_majorities: tuple[float, float]
    full: tuple[Floor, ...]
    relative: tuple[Floor, ...]
    smoke: tuple[Floor, ...]
    behaviour: tuple[BehaviourFloor, ...]

    @classmethod
    def from_mapping(cls, block: Mapping[str, Any]) -> "GateSettings":
        """Check the block. Raises ConfigurationError with the key that is wrong."""
        try:
            return msgspec.convert(block, cls)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"gate: {error}") from error

    def kind(self, figures: Metrics) -> Floors:
        """Which floors apply to such a hold-out."""
        if figures.rows < self.full_rows:
            return "smoke"
        low, high = self.usual_majorities
        return "full" if low <= figures.majority <= high else "relative"


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
    kind = settings.kind(figures)
    floors: tuple[Floor, ...] = getattr(settings, kind)
    conditions = [_floor(figures, floor) for floor in floors]
    if champion is not None:
        conditions += [
            _no_step_back(name, figures, champion, settings.champion_margin)
            for name in settings.champion_metrics
        ]
    if kind != "smoke" and slices:
        conditions += slice_conditions(slices, settings.slices)
    conditions += behaviour.conditions(behaviour_results)
    passed = bool(conditions) and all(condition.passed for condition in conditions)
    scope = f"{kind} floors, {figures.rows} hold-out rows"
    message = _message(passed, conditions, scope, champion is not None)
    return GateVerdict(passed, kind, message, tuple(conditions))


def find(figures: Metrics, name: str) -> float | None:
    """The figure called so: a metric, or `recall_of_1`, `f1_of_2`, or one of the next three.

    gain_over_majority: of accuracy. error_reduction, mae_reduction: the share of errors, and of
    the mean error, that is left out of what the best constant answer has.
    """
    kind, _, star = name.partition("_of_")
    value: object
    if name == "gain_over_majority":
        value = figures.accuracy - figures.majority
    elif name == "error_reduction":
        value = _reduction(1.0 - figures.accuracy, 1.0 - figures.majority)
    elif name == "mae_reduction":
        value = _reduction(figures.mae, constant_mae(np.array(figures.confusion)))
    elif star:
        value = getattr(figures.per_class.get(star), kind, None)
    else:
        value = getattr(figures, name, None)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _reduction(value: float, without: float) -> float | None:
    return 1.0 - value / without if without > 0 else None


def _floor(figures: Metrics, floor: Floor) -> Condition:
    value, threshold = find(figures, floor.metric), floor.threshold(figures.majority)
    if floor.at_least is not None:
        sign, bound = "below", AT_LEAST
        passed = value is not None and value >= threshold - EXACT
    else:
        sign, bound = "above", AT_MOST
        passed = value is not None and value <= threshold + EXACT
    message = f"{floor.metric} {_figure(value)} is {sign} {threshold:.4g}"
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
    for whole in range(len(failed), -1, -1):  # where there are many, the last by their names alone
        parts = [c.message for c in failed[:whole]] + [c.name for c in failed[whole:]]
        message = f"{_join(parts)} ({scope})."
        if len(message) <= MAX_MESSAGE:
            return message
    return message[:MAX_MESSAGE]


def _join(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _figure(value: float | None) -> str:
    return "(absent)" if value is None else f"{value:.4f}"
