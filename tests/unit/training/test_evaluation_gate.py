"""The gate lets through what is good enough, and names all that is not."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from reviews.errors import ConfigurationError
from training.evaluation.evaluation import ClassMetrics, Metrics
from training.evaluation.gate import MAX_MESSAGE, GateSettings, judge
from training.evaluation.slice_gate import SliceLimits

SETTINGS = GateSettings.from_mapping(
    {
        "full_rows": 10_000,
        "champion_margin": 0.006,
        "champion_metrics": ["accuracy", "macro_f1", "mae", "qwk", "within_one"],
        "slices": {"min_rows": 400, "majority_errors": 2, "champion_errors": 3},
        "full": [
            {"metric": "gain_over_majority", "at_least": 0.15},
            {"metric": "accuracy", "at_least": 0.69},
            {"metric": "mae", "at_most": 0.40},
            {"metric": "recall_of_1", "at_least": 0.75},
            {"metric": "f1_of_2", "at_least": 0.2},
        ],
        "usual_majorities": [0.45, 0.62],
        "relative": [
            {"metric": "error_reduction", "at_least": 0.34, "falls": True},
            {"metric": "mae_reduction", "at_least": 0.4, "falls": True},
            {"metric": "ece", "at_most": 0.05},
        ],
        "smoke": [{"metric": "accuracy", "at_least": 0.58}],
        "behaviour": [],
    }
)


GOOD = Metrics(
    rows=20_000,
    majority=0.52,
    accuracy=0.717,
    macro_f1=0.585,
    mae=0.341,
    qwk=0.882,
    within_one=0.95,
    ece=0.01,
    log_loss=0.7,
    binary_accuracy=0.95,
    per_class={"1": ClassMetrics(0.77, 0.8, 0.78, 1), "2": ClassMetrics(0.3, 0.3, 0.3, 1)},
    confusion=[[0] * 5] * 5,
)


def figures(**changes: Any) -> Metrics:
    return structs.replace(GOOD, **changes)


def test_a_good_first_model_passes_and_says_that_it_is_the_first() -> None:
    verdict = judge(figures(), SETTINGS)
    assert verdict.passed
    assert "no champion" in verdict.message


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"accuracy": 0.689}, "accuracy"),
        ({"majority": 0.6}, "gain_over_majority"),
        ({"majority": 0.7, "accuracy": 0.69}, "error_reduction"),
        ({"mae": 0.41}, "mae"),
        ({"mae": float("nan")}, "mae"),
        ({"accuracy": float("nan")}, "gain_over_majority"),
        ({"per_class": {**GOOD.per_class, "1": ClassMetrics(0.5, 0.5, 0.5, 1)}}, "recall_of_1"),
        ({"per_class": {}}, "f1_of_2"),
    ],
)
def test_a_failed_floor_is_named(changes: dict[str, Any], named: str) -> None:
    verdict = judge(figures(**changes), SETTINGS)
    assert not verdict.passed
    assert named in [c.name for c in verdict.conditions if not c.passed]
    assert named in verdict.message


def spread_out(shares: list[float], rows: int = 20_000) -> list[list[int]]:
    """A table of rows with those shares of true stars."""
    return [[int(share * rows), 0, 0, 0, 0] for share in shares]


BALANCED: dict[str, Any] = {"majority": 0.2, "confusion": spread_out([0.2] * 5)}
SKEWED: dict[str, Any] = {"majority": 0.8, "confusion": spread_out([0.05, 0.05, 0.05, 0.05, 0.8])}


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        # .8 of balanced stars are the majority's errors: .34 of them is .272 accuracy above it.
        ({**BALANCED, "accuracy": 0.51, "mae": 0.6}, set()),
        ({**BALANCED, "accuracy": 0.47, "mae": 0.6}, {"error_reduction"}),
        ({**BALANCED, "accuracy": 0.51, "mae": 0.75}, {"mae_reduction"}),
        # Of skewed stars 2 * .2 of each floor is asked; always 5 stars is .5 stars off.
        ({**SKEWED, "accuracy": 0.84, "mae": 0.3}, set()),
        ({**SKEWED, "accuracy": 0.82, "mae": 0.3}, {"error_reduction"}),
        ({**SKEWED, "accuracy": 0.84, "mae": 0.45}, {"mae_reduction"}),
        ({"majority": 1.0, "accuracy": 1.0}, {"error_reduction", "mae_reduction"}),
    ],
)
def test_other_shares_of_stars_are_held_against_their_own_majority(
    changes: dict[str, Any], failed: set[str]
) -> None:
    verdict = judge(figures(**changes), SETTINGS)
    assert verdict.floors == "relative"
    assert {c.name for c in verdict.conditions if not c.passed} == failed
    assert verdict.passed == (not failed)


def test_smoke_floors_apply_only_below_the_stated_rows() -> None:
    weak = {"accuracy": 0.6, "majority": 0.5}
    assert judge(figures(rows=9_999, **weak), SETTINGS).passed
    assert not judge(figures(rows=10_000, **weak), SETTINGS).passed


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "mae", "qwk", "within_one"])
def test_a_step_back_from_the_champion_is_refused_and_a_small_one_is_not(name: str) -> None:
    worse = -1 if name != "mae" else 1
    own = figures()
    within = figures(**{name: getattr(own, name) - worse * 0.0059})
    beyond = figures(**{name: getattr(own, name) - worse * 0.0061})
    assert judge(own, SETTINGS, within).passed
    verdict = judge(own, SETTINGS, beyond)
    assert not verdict.passed
    assert f"{name} " in verdict.message
    assert "champion" in verdict.message


def test_the_same_model_again_passes_against_itself() -> None:
    assert judge(figures(), SETTINGS, figures()).passed


def test_every_failed_condition_is_named_within_the_limit() -> None:
    bad = figures(accuracy=0.1, macro_f1=0.1, mae=3.0, qwk=0.0, within_one=0.1, per_class={})
    verdict = judge(bad, SETTINGS, figures())
    assert len(verdict.message) <= MAX_MESSAGE
    for condition in verdict.conditions:
        assert condition.name.removesuffix("_against_champion") in verdict.message


def test_a_gate_without_conditions_lets_nothing_through() -> None:
    empty = GateSettings(10, 0.006, (), SliceLimits(400, 2, 3), (0.45, 0.62), (), (), (), ())
    assert not judge(figures(), empty).passed


@pytest.mark.parametrize(
    "change",
    [
        {"champion_margn": 1},
        {"full": [{"metric": "accuracy"}]},
        {"full_rows": "many"},
        {"relative": [{"metric": "mae", "at_most": 0.5, "falls": True}]},
        {"slices": {"min_rows": 400}},
        {"behaviour": [{"test": "negatoin", "change": 0.3}]},
        {"behaviour": [{"test": "negation"}]},
        {"behaviour": [{"test": "typos", "change": 0.3}]},
        {"behaviour": [{"test": "plain_words", "at_least": {100: 2}}]},
    ],
)
def test_a_misspelt_gate_is_refused(change: dict[str, Any]) -> None:
    block: dict[str, Any] = {
        "full_rows": 1,
        "champion_margin": 0.1,
        "champion_metrics": [],
        "slices": {"min_rows": 400, "majority_errors": 2, "champion_errors": 3},
        "full": [],
        "usual_majorities": [0.45, 0.62],
        "relative": [],
        "smoke": [],
        "behaviour": [],
    }
    with pytest.raises(ConfigurationError, match="gate"):
        GateSettings.from_mapping(block | change)


def test_the_gate_of_the_project_refuses_the_majority_answer() -> None:
    yaml = pytest.importorskip("yaml")
    path = Path("configs/model.yaml")
    settings = GateSettings.from_mapping(yaml.safe_load(path.read_text())["gate"])
    lazy = figures(accuracy=0.52, macro_f1=0.137, mae=1.09, qwk=0.0, within_one=0.72)
    for rows in (1_000, 20_000):
        assert not judge(structs.replace(lazy, rows=rows), settings).passed
        assert judge(figures(rows=rows), settings).passed
