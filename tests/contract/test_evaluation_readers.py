"""evaluation.json as training writes it, against each room that reads it without importing it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from infra.stage import stages
from lambdas.learn import plan
from monitoring.feedback import JudgedModel, read_floors
from operate.evaluation import EvaluationSummary
from tests.contract.structs import differences, field_names, renamed
from tests.contract.test_pipeline_definition import made
from tests.unit.training.evaluations import make_evaluation
from training.evaluation.evaluation import Evaluation

READERS = (EvaluationSummary, JudgedModel, plan.LearnedModel)
WRITTEN = make_evaluation()
BODY = msgspec.json.encode(WRITTEN)


@pytest.mark.parametrize("reader", READERS)
def test_every_field_that_is_read_is_written_with_its_type(reader: type[msgspec.Struct]) -> None:
    assert differences(reader, Evaluation) == []
    found = msgspec.to_builtins(msgspec.json.decode(BODY, type=reader))
    assert found == _part(msgspec.json.decode(BODY), found)


@pytest.mark.parametrize(
    ("reader", "field"), [(r, name) for r in READERS for name in sorted(field_names(r))]
)
def test_a_field_renamed_by_training_would_be_found(
    reader: type[msgspec.Struct], field: str
) -> None:
    assert differences(reader, renamed(Evaluation, field)) == [f"$.{field} is not written"]
    content = msgspec.json.decode(BODY)
    content[f"other_{field}"] = content.pop(field)
    with pytest.raises(msgspec.ValidationError, match=f"missing required field `{field}`"):
        msgspec.convert(content, reader)


def test_the_summary_of_a_run_has_every_plain_number() -> None:
    """`model.metrics` in the summary has the same names as evaluation.json."""
    numbers = {k: v for k, v in msgspec.json.decode(BODY).items() if isinstance(v, int | float)}
    assert msgspec.json.decode(BODY, type=EvaluationSummary).metrics == numbers


def test_the_monitor_finds_the_floors_that_feedback_is_held_against() -> None:
    wanted = {c.name: c.threshold for c in WRITTEN.gate.conditions if c.name in ("accuracy", "mae")}
    assert len(wanted) == 2
    assert read_floors(BODY) == wanted


@pytest.mark.parametrize("stage", stages())
def test_the_pipeline_asks_for_values_that_are_there(stage: str) -> None:
    paths = sorted(_paths(made(stage)))
    assert paths == ["gate.message", "gate.passed"]
    for path in paths:
        value = msgspec.json.decode(BODY)
        for step in path.split("."):
            value = value[step]
        assert isinstance(value, bool | str)


def _paths(node: Any) -> set[str]:
    """What is asked of evaluation.json anywhere in a definition."""
    if isinstance(node, list):
        return {path for item in node for path in _paths(item)}
    if not isinstance(node, dict):
        return set()
    asked = {node["Std:JsonGet"]["Path"]} if "Std:JsonGet" in node else set()
    return asked | {path for item in node.values() for path in _paths(item)}


def _part(whole: Any, shape: Any) -> Any:
    """Of a document what a smaller one has a place for."""
    if isinstance(shape, dict):
        return {name: _part(whole[name], part) for name, part in shape.items()}
    if isinstance(shape, list):
        return [_part(item, part) for item, part in zip(whole, shape, strict=True)]
    return whole
