"""True stars that came back, against what was answered: does the model still keep its gate?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from monitoring.errors import EvaluationError
from monitoring.lines import read_lines
from monitoring.observations import Moment, Observation
from monitoring.settings import FeedbackSettings

JUDGED = ("accuracy", "mae")


class Feedback(msgspec.Struct, frozen=True):
    """The true stars of one answered review, as a client sent them."""

    request_id: str
    stars: Annotated[int, Meta(ge=1, le=5)]
    index: int = 0
    caller: str = ""
    time: Moment | None = None


class GateFloor(msgspec.Struct, frozen=True):
    """A condition of the gate, as evaluation.json holds it."""

    name: str
    threshold: float


class GateFloors(msgspec.Struct, frozen=True):
    """The gate of evaluation.json."""

    conditions: list[GateFloor]


class JudgedModel(msgspec.Struct, frozen=True):
    """What is read of evaluation.json; a contract test holds it against what training writes."""

    gate: GateFloors


@dataclass(frozen=True)
class Estimate:
    """A figure with its two-sided interval, and the floor (or ceiling) of the gate, if known."""

    name: str
    value: float
    low: float
    high: float
    gate: float | None
    alarm: bool


@dataclass(frozen=True)
class Quality:
    """What feedback says. verdict: `ok`, `below_gate` or `insufficient`. n: pairs."""

    verdict: str
    n: int
    reason: str
    estimates: tuple[Estimate, ...]

    def to_mapping(self) -> dict[str, Any]:
        """The `feedback` of drift.json."""
        return {**asdict(self), "estimates": [asdict(estimate) for estimate in self.estimates]}


def read_feedback(lines: Iterable[bytes]) -> tuple[list[Feedback], Counter[str]]:
    """Feedback of the lines that hold one, in order, and how many hold none, by reason."""
    return read_lines(lines, Feedback)


def join(predictions: Iterable[Observation], feedback: Iterable[Feedback]) -> list[tuple[int, int]]:
    """(true, predicted) stars of each review that has both, joined by caller, id and place.

    Of several with the same caller, id and place the latest wins, of equally late ones the last
    in order. Probes do not count.
    """
    answered: dict[tuple[str, str, int], Observation] = {}
    for prediction in predictions:
        key = (prediction.caller, prediction.request_id, prediction.index)
        if not prediction.probe and prediction.request_id and _is_later(prediction, answered, key):
            answered[key] = prediction
    returned: dict[tuple[str, str, int], Feedback] = {}
    for item in feedback:
        key = (item.caller, item.request_id, item.index)
        if key in answered and _is_later(item, returned, key):
            returned[key] = item
    return [(item.stars, answered[key].stars) for key, item in returned.items()]


def judge(
    pairs: list[tuple[int, int]], gate: Mapping[str, float], settings: FeedbackSettings
) -> Quality:
    """Judge accuracy and MAE of (true, predicted) pairs against the gate's floors.

    gate: `accuracy` at least, `mae` at most; what is absent is shown and not judged. It alarms
    only where the whole one-sided interval lies on the wrong side: chance alone is no alarm.
    """
    n = len(pairs)
    if n < settings.min_pairs:
        reason = f"true stars came back for {n} reviews, and {settings.min_pairs} are needed"
        return Quality("insufficient", n, reason, ())
    true, predicted = np.asarray(pairs, np.int64).T
    z = NormalDist().inv_cdf(settings.confidence)
    estimates = (
        _accuracy(true == predicted, z, gate.get("accuracy")),
        _mae(np.abs(true - predicted).astype(np.float64), z, gate.get("mae")),
    )
    alarming = [estimate for estimate in estimates if estimate.alarm]
    reasons = "; ".join(_reason(estimate) for estimate in alarming)
    reason = reasons or f"accuracy and MAE over {n} true stars are no worse than the gate asks"
    return Quality("below_gate" if alarming else "ok", n, reason, estimates)


def read_floors(evaluation: bytes) -> dict[str, float]:
    """The gate's floors that feedback can be held against, out of evaluation.json.

    Raises EvaluationError where it is no evaluation.
    """
    try:
        gate = msgspec.json.decode(evaluation, type=JudgedModel).gate
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EvaluationError(f"evaluation.json cannot be read: {error}") from error
    return {c.name: c.threshold for c in gate.conditions if c.name in JUDGED}


def _accuracy(right: np.ndarray[Any, Any], z: float, floor: float | None) -> Estimate:
    """Wilson's interval (1927): sensible near 0 and 1 too."""
    n, p = len(right), float(right.mean())
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    low, high = centre - half, centre + half
    return Estimate("accuracy", p, low, high, floor, floor is not None and high < floor)


def _mae(distances: np.ndarray[Any, Any], z: float, ceiling: float | None) -> Estimate:
    mean = float(distances.mean())
    half = z * float(distances.std(ddof=1)) / len(distances) ** 0.5
    low, high = max(0.0, mean - half), mean + half
    return Estimate("mae", mean, low, high, ceiling, ceiling is not None and low > ceiling)


def _reason(estimate: Estimate) -> str:
    interval = f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
    return f"{estimate.name} is {interval}, and the gate asks for {estimate.gate:g}"


def _is_later(
    item: Observation | Feedback,
    known: Mapping[tuple[str, str, int], Observation | Feedback],
    key: tuple[str, str, int],
) -> bool:
    before = known.get(key)
    if before is None or before.time is None or item.time is None:
        return True
    return item.time >= before.time
