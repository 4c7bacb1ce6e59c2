"""What people are shown of evaluation.json; a contract test holds it against what training writes.

Keys of the same name mean the same: see training/evaluation/evaluation.py.
"""

from __future__ import annotations

import msgspec
from msgspec import structs

from lambdas.ports import objects
from operate.errors import OperateError


class GateSummary(msgspec.Struct, frozen=True):
    """Whether the model may be registered, and why."""

    passed: bool
    message: str


class EvaluationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers at the top level, and the gate."""

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
    drawn_from: int
    other_languages: int
    gate: GateSummary
    provenance: dict[str, str]

    @property
    def metrics(self) -> dict[str, float]:
        """Every number by its name."""
        found = structs.asdict(self)
        return {name: value for name, value in found.items() if isinstance(value, int | float)}


def read_evaluation(uri: str) -> EvaluationSummary:
    """Fetch and read the evaluation of a package. Raises OperateError where it is none."""
    return decode_evaluation(objects.read_uri(uri), uri)


def decode_evaluation(content: bytes, uri: str) -> EvaluationSummary:
    """Read an evaluation that was fetched. Raises OperateError where it is none."""
    try:
        return msgspec.json.decode(content, type=EvaluationSummary)
    except msgspec.MsgspecError as error:
        raise OperateError(f"{uri} is no evaluation: {error}") from error
