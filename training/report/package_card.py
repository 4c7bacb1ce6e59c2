"""model_card.json: the card in the form that a package of SageMaker's registry holds.

Source: the "model package model card schema" of SageMaker's developer guide; it has no
`model_package_details`, and of `model_overview` only creator and artifact. The whole is one line
of at most 100,000 characters. What is cut to its limits stands whole in the file that it is from.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from training.evaluation.evaluation import Condition, Evaluation, Slice
from training.evaluation.metrics import HEADLINE
from training.evaluation.slices import is_pair
from training.report import model_card
from training.report.wording import METRIC_NAMES, describe_origin, flatten, fold_metrics

TEXT, VALUE, LABEL = 1024, 255, 63  # characters that the schema leaves to each kind of text
MAX_PARAMETERS = 100
BOUNDS = {"at_least": "at least", "at_most": "at most"}
ABSENT = {"type": "string", "value": "absent"}
RISK = "Low"  # High | Medium | Low | Unknown
RISK_WHY = (
    "A wrong answer puts a review into a wrong pile, where a person can still read it. Rate it "
    "anew before answers decide about people."
)


def content(
    evaluation: Evaluation, manifest: Mapping[str, Any], training: Mapping[str, Any]
) -> dict[str, Any]:
    """The card of a package. manifest: model.json. training: training.json.

    A figure that is no finite number says that it is absent.
    """
    provenance = manifest["provenance"]
    creator = f"Review Stars, commit {provenance.get('git_commit', 'unknown')}"
    return {
        "model_overview": {"model_creator": creator[:TEXT]},
        "intended_uses": {
            "purpose_of_model": f"{model_card.PURPOSE} {model_card.describe_languages(manifest)}",
            "intended_uses": f"{model_card.USES} {model_card.NOT_FOR}",
            "factors_affecting_model_efficiency": " ".join(model_card.limits(evaluation)),
            "risk_rating": RISK,
            "explanations_for_risk_rating": RISK_WHY,
        },
        "training_details": _training(manifest, training),
        "evaluation_details": [_evaluation(evaluation, provenance)],
        "additional_information": {
            "ethical_considerations": (
                f"{model_card.NOT_FOR} Names, ids and times are no input; who wrote a review "
                "decides on which side of the split it falls, and nothing else."
            ),
            "caveats_and_recommendations": " ".join(model_card.limits(evaluation)[1:3]),
            "custom_details": {
                name: value[:TEXT] for name, value in describe_origin(manifest).items()
            },
        },
    }


def _training(manifest: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    provenance, mean = manifest["provenance"], training["mean"]
    folds = fold_metrics(training)
    metrics = [
        {
            "name": f"{METRIC_NAMES[name]}, mean of {len(folds)} folds",
            "value": mean[name],
            "notes": f"standard deviation {training['spread'][name]:.4f}",
        }
        for name in HEADLINE
        if _is_number(mean[name])
    ]
    return {
        "training_observations": (
            "Users are learned from or held out, never both. Each fold holds users that its fit "
            f"did not see; the rule for the stars was chosen there: {training['decision_rule']}."
        ),
        "training_job_details": {
            "training_datasets": _named(provenance, "dataset_manifest_uri"),
            "training_environment": {"container_image": _named(provenance, "image_uri")},
            "user_provided_training_metrics": metrics,
            "user_provided_hyper_parameters": _parameters(manifest),
        },
    }


def _parameters(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """What was configured, without the gate, which judges, and families that were not taken."""
    others = {"gate", "plain", "views", "streaming"} - {manifest["family"], manifest["mode"]}
    taken = {k: v for k, v in manifest["configuration"].items() if k not in others}
    pairs = [(name, str(value)[:VALUE]) for name, value in flatten(taken)]
    named = [{"name": name[:VALUE], "value": value} for name, value in pairs if value]
    return named[:MAX_PARAMETERS]


def _evaluation(evaluation: Evaluation, provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": evaluation.scope,
        "evaluation_observation": " ".join(
            (model_card.describe_verdict(evaluation), model_card.describe_champion(evaluation))
        ),
        "datasets": _named(provenance, "dataset_manifest_uri"),
        "metadata": {
            "gate": "passed" if evaluation.gate.passed else "refused",
            "gate_floors": evaluation.gate.floors,
            "gate_message": evaluation.gate.message[:TEXT],
            "rows": str(evaluation.rows),
            "rows_in_other_languages": str(evaluation.other_languages),
            "spreads": evaluation.spread_method,
        },
        "metric_groups": [
            _group("Headline", [_metric(*row) for row in _headline(evaluation)]),
            _group("Gate", [_condition(condition) for condition in evaluation.gate.conditions]),
            *_compared(evaluation),
            _group("By star", _bars(evaluation.per_class, ("rows", "precision", "recall", "f1"))),
            *(
                _group(f"By {grouping.replace('_', ' ')}", _bars(values, model_card.SLICE_METRICS))
                for grouping, values in evaluation.slices.items()
                if not is_pair(grouping)
            ),
            _group(
                "Worst slices, accuracy",
                [_slice(*entry) for entry in model_card.worst_slices(evaluation)],
            ),
            *_behaviour(evaluation),
            _group("Confusion", [_matrix(evaluation.confusion)]),
        ],
    }


def _headline(evaluation: Evaluation) -> Iterator[tuple[str, Any, str]]:
    yield model_card.COMMONEST, evaluation.majority, "accuracy to compare with"
    for name in model_card.METRICS:
        spread = evaluation.spread[name]
        yield (
            METRIC_NAMES[name],
            getattr(evaluation, name),
            f"95 % ± {1.96 * spread:.4f}" if spread else "",
        )


def _condition(condition: Condition) -> dict[str, Any]:
    outcome = "holds" if condition.passed else "does not hold"
    asked = f"{BOUNDS[condition.bound]} {condition.threshold:g} is asked: {outcome}"
    return _metric(condition.name, condition.value, asked)


def _compared(evaluation: Evaluation) -> list[dict[str, Any]]:
    champion = evaluation.champion
    if not champion:
        return []
    differences = [
        _metric(
            METRIC_NAMES[name],
            entry.difference,
            f"champion {getattr(champion.metrics, name):.4f}",
        )
        for name, entry in champion.differences.items()
    ]
    return [_group("Less the champion's, on the same rows", differences)]


def _behaviour(evaluation: Evaluation) -> list[dict[str, Any]]:
    tests = [
        _metric(
            one.name.replace("_", " "), one.rate, f"share of {one.cases} cases where {one.asks}"
        )
        for one in evaluation.behaviour
    ]
    return [_group("Behaviour", tests)] if tests else []


def _slice(name: str, one: Slice) -> dict[str, Any]:
    gained = one.over_majority
    notes = (
        f"{one.rows} reviews, {one.low:.3f} to {one.high:.3f}; over its majority "
        f"{gained.gain:+.3f}, standard error {gained.standard_error:.3f}"
    )
    return _metric(name, one.accuracy, notes)


def _group(name: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name[:LABEL], "metric_data": metrics}


def _metric(name: str, value: Any, notes: str) -> dict[str, Any]:
    """One figure; what is no finite number is called absent."""
    known = {"type": "number", "value": value} if _is_number(value) else ABSENT
    return {"name": name[:VALUE], **known, **({"notes": notes} if notes else {})}


def _bars(values: Mapping[str, object], names: Iterable[str]) -> list[dict[str, Any]]:
    """A chart of each figure over the slices that have it."""
    charts = []
    for name in names:
        all_values = {label: getattr(entry, name) for label, entry in values.items()}
        found = {label: value for label, value in all_values.items() if _is_number(value)}
        if found:
            chart = {"name": name, "type": "bar_chart", "value": list(found.values())}
            charts.append(chart | {"x_axis_name": [label[:LABEL] for label in found]})
    return charts


def _matrix(confusion: list[list[int]]) -> dict[str, Any]:
    stars = [f"{star} stars" for star in range(1, len(confusion) + 1)]
    axes = {"x_axis_name": [f"answered {s}" for s in stars], "y_axis_name": stars}
    return {"name": "True and answered stars", "type": "matrix", "value": confusion, **axes}


def _named(provenance: Mapping[str, Any], name: str) -> list[str]:
    return [str(provenance[name])[:TEXT]] if provenance.get(name) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
