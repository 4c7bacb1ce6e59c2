"""model_card.json: the card in the form that a package of SageMaker's registry holds.

Source: the "model package model card schema" of SageMaker's developer guide; it has no
`model_package_details`, and of `model_overview` only creator and artifact. The whole is one line
of at most 100,000 characters. What is cut to its limits stands whole in the file that it is from.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from training.evaluation.metrics import HEADLINE
from training.report import model_card
from training.report.report import NAMES, fold_figures, origin
from training.tracking.mlflow_run import flat

TEXT, VALUE, LABEL = 1024, 255, 63  # characters that the schema leaves to each kind of text
MOST_PARAMETERS = 100
BOUNDS = {"at_least": "at least", "at_most": "at most"}
ABSENT = {"type": "string", "value": "absent"}
RISK = "Low"  # High | Medium | Low | Unknown
RISK_WHY = (
    "A wrong answer puts a review into a wrong pile, where a person can still read it. Rate it "
    "anew before answers decide about people."
)


def content(
    figures: Mapping[str, Any], about: Mapping[str, Any], training: Mapping[str, Any]
) -> dict[str, Any]:
    """The card of a package. figures: evaluation.json. about: model.json. training: training.json.

    A figure that is no finite number says that it is absent.
    """
    provenance = about.get("provenance", {})
    creator = f"Review Stars, commit {provenance.get('git_commit', 'unknown')}"
    return {
        "model_overview": {"model_creator": creator[:TEXT]},
        "intended_uses": {
            "purpose_of_model": f"{model_card.PURPOSE} {model_card.learned(about)}",
            "intended_uses": f"{model_card.USES} {model_card.NOT_FOR}",
            "factors_affecting_model_efficiency": " ".join(model_card.limits(figures)),
            "risk_rating": RISK,
            "explanations_for_risk_rating": RISK_WHY,
        },
        "training_details": _training(about, training),
        "evaluation_details": [_evaluation(figures, provenance)],
        "additional_information": {
            "ethical_considerations": (
                f"{model_card.NOT_FOR} Names, ids and times are no input; who wrote a review "
                "decides on which side of the split it falls, and nothing else."
            ),
            "caveats_and_recommendations": " ".join(model_card.limits(figures)[1:3]),
            "custom_details": {name: value[:TEXT] for name, value in origin(about).items()},
        },
    }


def _training(about: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    provenance, mean = about.get("provenance", {}), training.get("mean", {})
    folds = fold_figures(training)
    metrics = [
        {
            "name": f"{NAMES[name]}, mean of {len(folds)} folds",
            "value": mean[name],
            "notes": f"standard deviation {training['spread'][name]:.4f}",
        }
        for name in HEADLINE
        if folds and _is_number(mean.get(name))
    ]
    return {
        "training_observations": (
            "Users are learned from or held out, never both. Each fold holds users that its fit "
            f"did not see; the rule for the stars was chosen there: {training.get('rule', 'none')}."
        ),
        "training_job_details": {
            "training_datasets": _named(provenance, "dataset_manifest_uri"),
            "training_environment": {"container_image": _named(provenance, "image_uri")},
            "user_provided_training_metrics": metrics,
            "user_provided_hyper_parameters": _parameters(about),
        },
    }


def _parameters(about: Mapping[str, Any]) -> list[dict[str, str]]:
    """What was configured, without the gate, which judges, and families that were not taken."""
    others = {"gate", "plain", "views", "streaming"} - {about.get("family"), about.get("mode")}
    taken = {k: v for k, v in about.get("configuration", {}).items() if k not in others}
    pairs = [(name, str(value)[:VALUE]) for name, value in flat(taken)]
    named = [{"name": name[:VALUE], "value": value} for name, value in pairs if value]
    return named[:MOST_PARAMETERS]


def _evaluation(figures: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": figures["scope"],
        "evaluation_observation": " ".join(
            (model_card.judged(figures), model_card.against_champion(figures))
        ),
        "datasets": _named(provenance, "dataset_manifest_uri"),
        "metadata": {
            "gate": "passed" if figures["gate"]["passed"] else "refused",
            "gate_floors": figures["gate"]["floors"],
            "gate_message": figures["gate"]["message"][:TEXT],
            "rows": str(figures["rows"]),
            "rows_in_other_languages": str(figures["other_languages"]),
            "spreads": figures["spread_method"],
        },
        "metric_groups": [
            _group("Headline", [_told(*row) for row in _headline_numbers(figures)]),
            _group("Gate", [_condition(condition) for condition in figures["gate"]["conditions"]]),
            *_against(figures),
            _group("By star", _bars(figures["per_class"], ("rows", "precision", "recall", "f1"))),
            *(
                _group(f"By {grouping.replace('_', ' ')}", _bars(values, model_card.GROUP))
                for grouping, values in figures["slices"].items()
            ),
            _group("Confusion", [_matrix(figures["confusion"])]),
        ],
    }


def _headline_numbers(figures: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    yield model_card.COMMONEST, figures["majority"], "accuracy to compare with"
    for name in model_card.FIGURES:
        spread = figures["spread"].get(name)
        yield NAMES[name], figures[name], f"95 % ± {1.96 * spread:.4f}" if spread else ""


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    words = "holds" if condition["passed"] else "does not hold"
    asked = f"{BOUNDS[condition['bound']]} {condition['threshold']:g} is asked: {words}"
    return _told(condition["name"], condition["value"], asked)


def _against(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    champion = figures["champion"]
    if not champion:
        return []
    differences = [
        _told(NAMES[name], entry["difference"], f"champion {champion['metrics'][name]:.4f}")
        for name, entry in champion["differences"].items()
    ]
    return [_group("Less the champion's, on the same rows", differences)]


def _group(name: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name[:LABEL], "metric_data": metrics}


def _told(name: str, value: Any, notes: str) -> dict[str, Any]:
    """One figure; what is no finite number is said in words."""
    known = {"type": "number", "value": value} if _is_number(value) else ABSENT
    return {"name": name[:VALUE], **known, **({"notes": notes} if notes else {})}


def _bars(values: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """A chart of each figure over the slices that have it."""
    charts = []
    for name in names:
        found = {slice: entry[name] for slice, entry in values.items() if _is_number(entry[name])}
        if found:
            chart = {"name": name, "type": "bar_chart", "value": list(found.values())}
            charts.append(chart | {"x_axis_name": [slice[:LABEL] for slice in found]})
    return charts


def _matrix(confusion: list[list[int]]) -> dict[str, Any]:
    stars = [f"{star} stars" for star in range(1, len(confusion) + 1)]
    axes = {"x_axis_name": [f"answered {s}" for s in stars], "y_axis_name": stars}
    return {"name": "True and answered stars", "type": "matrix", "value": confusion, **axes}


def _named(provenance: Mapping[str, Any], name: str) -> list[str]:
    return [str(provenance[name])[:TEXT]] if provenance.get(name) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
