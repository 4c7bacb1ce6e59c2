"""evaluation.json: everything that `evaluate` finds out about a model, and nothing else.

`evaluate` writes it; gate, report, cards and tracking read it as it stands here. Rooms that may
not import this one have small structs of what they need; a contract test holds them against it.
"""

from pathlib import Path
from typing import Literal

import msgspec

from training.errors import ArtefactError

FILE = "evaluation.json"


class ClassMetrics(msgspec.Struct, frozen=True):
    """How well one true star is found. rows: reviews that have it."""

    precision: float
    recall: float
    f1: float
    rows: int


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """How good the answers to some rows are: see `metrics.headline`.

    per_class: by true star, "1" to "5". confusion: (5, 5) rows, true by predicted star.
    """

    rows: int
    majority: float
    accuracy: float
    macro_f1: float
    mae: float
    qwk: float
    within_one: float
    ece: float
    log_loss: float
    binary_accuracy: float
    per_class: dict[str, ClassMetrics]
    confusion: list[list[int]]


class PairedGain(msgspec.Struct, frozen=True):
    """Accuracy less that of another answer to the same rows, and the gain's standard error."""

    gain: float
    standard_error: float


class Slice(msgspec.Struct, frozen=True):
    """Metrics of some of the rows.

    low, high: of accuracy, see `slice_method`. confidence: mean probability of the decided stars;
    what it has over accuracy, the model is too sure. over_majority: over always answering the
    slice's commonest star. over_champion: None where there is none, or it was not asked.
    """

    rows: int
    majority: float
    accuracy: float
    macro_f1: float
    mae: float
    qwk: float
    within_one: float
    low: float
    high: float
    ece: float
    confidence: float
    over_majority: PairedGain
    over_champion: PairedGain | None


class CalibrationBin(msgspec.Struct, frozen=True):
    """Rows of about one confidence: its mean, and the share that was right."""

    rows: int
    confidence: float
    accuracy: float


class Coverage(msgspec.Struct, frozen=True):
    """What is right where only the surest share of rows is answered. confidence: of the last."""

    coverage: float
    rows: int
    accuracy: float
    confidence: float


class Difference(msgspec.Struct, frozen=True):
    """A figure less the champion's, with its 95 % interval; None where there is no spread."""

    difference: float
    standard_error: float | None
    low: float | None
    high: float | None


class McNemar(msgspec.Struct, frozen=True):
    """The exact paired test on rows that only one of two models has right."""

    only_challenger: int
    only_champion: int
    p_value: float


class Comparison(msgspec.Struct, frozen=True):
    """Two models on the same rows. agree: share of rows with equal stars."""

    differences: dict[str, Difference]
    agree: float
    mcnemar: McNemar


class Champion(Comparison, frozen=True, kw_only=True):
    """The model in service, asked about the same rows."""

    metrics: Metrics
    provenance: dict[str, str]


class ParityCheck(msgspec.Struct, frozen=True):
    """How far the probabilities of two ways to ask one model lie apart."""

    rows: int
    largest_difference: float


class GoldenCheck(ParityCheck, frozen=True):
    """The golden set asked again, against what `train` recorded."""

    stars_differ: int


class ParityChecks(msgspec.Struct, frozen=True):
    """Answers given in batches, against three other ways.

    single: the same rows one by one. reference: by scikit-learn over strings. golden: the
    questions that `train` recorded.
    """

    passed: bool
    single: ParityCheck
    reference: ParityCheck
    golden: GoldenCheck


class BehaviourResult(msgspec.Struct, frozen=True):
    """How many cases of one behaviour test pass (0 to 1), see `training.evaluation.behaviour`.

    champion: the same of the model in service, None where there is none or it was not asked.
    at_least: what the gate asks of a model of so many training rows, None where it asks nothing.
    failed: some cases that fail, made from templates.
    """

    name: str
    asks: str
    cases: int
    rate: float
    champion: float | None
    at_least: float | None
    failed: list[str]


Bound = Literal["at_least", "at_most"]
Floors = Literal["full", "relative", "smoke"]


class Condition(msgspec.Struct, frozen=True):
    """One thing that the gate asks. threshold: the value that is needed, inclusive.

    value: None where the figure is absent. message: why it failed, else empty.
    """

    name: str
    value: float | None
    threshold: float
    passed: bool
    message: str
    bound: Bound = "at_least"


class GateVerdict(msgspec.Struct, frozen=True):
    """The gate's answer."""

    passed: bool
    floors: Floors
    message: str
    conditions: tuple[Condition, ...]


class Evaluation(Metrics, frozen=True, kw_only=True):
    """The whole file.

    provenance: where the model comes from, as its job recorded it; empty for one made by hand.
    scope: `hold-out` or `all rows`. drawn_from: rows that a sample was drawn from, 0 where all
    were scored. other_languages: rows that only count. spread: standard error of each figure,
    None where there are too few buckets of users. slices: grouping to value to figures; of
    languages also those that only count. slice_method: of their intervals. behaviour: empty where
    the model has not learned the language of the tests.
    """

    spread: dict[str, float | None]
    spread_method: str
    scope: str
    drawn_from: int
    other_languages: int
    slices: dict[str, dict[str, Slice]]
    slice_method: str
    behaviour: list[BehaviourResult]
    calibration: list[CalibrationBin]
    selective: list[Coverage]
    parity_checks: ParityChecks
    champion: Champion | None
    gate: GateVerdict
    provenance: dict[str, str]


def read_evaluation(folder: Path) -> Evaluation:
    """Read what `evaluate` left. Raises ArtefactError where it is no evaluation."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Evaluation)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{FILE} of {folder.name} cannot be read: {error}") from error


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write the file."""
    text = msgspec.json.format(msgspec.json.encode(evaluation), indent=1)
    (folder / FILE).write_bytes(text + b"\n")
