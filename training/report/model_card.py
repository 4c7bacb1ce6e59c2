"""model_card.md: what a model is for, how good it is, and where it must not be trusted.

The sentences stand here once; `package_card` puts the same into the form of SageMaker's registry.
"""

from collections.abc import Mapping
from typing import Any

from training.evaluation.evaluation import Evaluation, Slice
from training.evaluation.metrics import HEADLINE
from training.evaluation.slices import is_pair, large_enough
from training.report.wording import (
    METRIC_NAMES,
    describe_origin,
    describe_scope,
    describe_slice,
    fold_metrics,
)

PURPOSE = (
    "Reads the title and text of a product review and gives a probability for each of 1 to 5 "
    "stars, the stars decided from them, and the words that decided."
)
USES = "Meant for sorting, routing and summing up many reviews."
NOT_FOR = (
    "Not meant for judging the person who wrote one, and not as the only ground for removing a "
    "review."
)
METRICS = (*HEADLINE, "ece", "binary_accuracy")
COMMONEST = "Always the commonest star"
SLICE_METRICS = ("rows", "majority", "accuracy", "macro_f1", "mae", "ece")
WORST_SLICES = 10  # by gain over their majority, in its standard errors


def markdown(
    evaluation: Evaluation, manifest: Mapping[str, Any], training: Mapping[str, Any]
) -> str:
    """The page. manifest: model.json. training: training.json."""
    blocks = [
        "# Review Stars: model card",
        "## What it does",
        f"{PURPOSE} {describe_languages(manifest)}",
        f"{USES} {NOT_FOR}",
        "## How good",
        describe_verdict(evaluation),
        _table(["figure", "value", "95 % ±"], _headline(evaluation)),
        describe_champion(evaluation),
        "## By star",
        _table(
            ["stars", "precision", "recall", "F1", "reviews"],
            [
                [
                    star,
                    *(f"{value:.3f}" for value in (entry.precision, entry.recall, entry.f1)),
                    f"{entry.rows:,}",
                ]
                for star, entry in evaluation.per_class.items()
            ],
        ),
        "## By group",
        _table(
            ["group", "reviews", "majority", "accuracy", "macro F1", "mean error", "ECE"],
            _slices(evaluation),
        ),
        "Worst, next to always answering their commonest star (two things at once among them):",
        _table(
            ["group", "reviews", "accuracy", "95 %", "over majority"],
            [
                [
                    name,
                    f"{one.rows:,}",
                    f"{one.accuracy:.3f}",
                    f"{one.low:.3f} to {one.high:.3f}",
                    f"{one.over_majority.gain:+.3f} ± {one.over_majority.standard_error:.3f}",
                ]
                for name, one in worst_slices(evaluation)
            ],
        ),
        *_behaviour(evaluation),
        *_folds(training),
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits(evaluation)),
        "## Where it comes from",
        _table(["", ""], [[name, value] for name, value in describe_origin(manifest).items()]),
        f"Spreads: {evaluation.spread_method}.",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _headline(evaluation: Evaluation) -> list[list[str]]:
    rows = [[COMMONEST, f"{evaluation.majority:.4f}", ""]]
    for name in METRICS:
        spread = evaluation.spread[name]
        error = "" if spread is None else f"{1.96 * spread:.4f}"
        rows.append([METRIC_NAMES[name], f"{getattr(evaluation, name):.4f}", error])
    return rows


def describe_champion(evaluation: Evaluation) -> str:
    """How it differs from the model in service."""
    champion = evaluation.champion
    if not champion:
        return "There was no model in service to compare it with."
    gain = champion.differences["accuracy"].difference
    return (
        f"On the same rows its accuracy differs from the champion's by {gain:+.4f} "
        f"(McNemar p = {champion.mcnemar.p_value:.2g})."
    )


def _slices(evaluation: Evaluation) -> list[list[str]]:
    return [
        [
            describe_slice(grouping, name),
            f"{entry.rows:,}",
            *(f"{getattr(entry, metric):.3f}" for metric in SLICE_METRICS[1:]),
        ]
        for grouping, values in evaluation.slices.items()
        if not is_pair(grouping)
        for name, entry in values.items()
    ]


def worst_slices(evaluation: Evaluation) -> list[tuple[str, Slice]]:
    """The slices that gain least on their own majority, of all that are large enough to tell."""
    found = [
        (describe_slice(grouping, name), one)
        for grouping, name, one in large_enough(evaluation.slices)
    ]
    found.sort(
        key=lambda entry: entry[1].over_majority.gain / entry[1].over_majority.standard_error
    )
    return found[:WORST_SLICES]


def _behaviour(evaluation: Evaluation) -> list[str]:
    rows = [
        [
            f"{one.name.replace('_', ' ')}: {one.asks}",
            str(one.cases),
            "" if one.champion is None else f"{one.champion:.2f}",
            f"{one.rate:.2f}",
            "" if one.at_least is None else f"{one.at_least:g}",
        ]
        for one in evaluation.behaviour
    ]
    head = ["test", "cases", "champion", "share that holds", "floor"]
    return ["## Behaviour", _table(head, rows)] if rows else []


def _folds(training: Mapping[str, Any]) -> list[str]:
    rows = [
        [str(place + 1), *(f"{fold[name]:.4f}" for name in HEADLINE)]
        for place, fold in enumerate(fold_metrics(training))
    ]
    head = ["fold", *(METRIC_NAMES[name] for name in HEADLINE)]
    return ["## Cross-validation", _table(head, rows)]


def describe_languages(manifest: Mapping[str, Any]) -> str:
    """The languages that it knows."""
    languages = ", ".join(manifest["languages"])
    return (
        f"It has learned from reviews in {languages}; for another language, or "
        "words of one in a review too short to detect, the API shows no stars."
    )


def describe_verdict(evaluation: Evaluation) -> str:
    """On how many rows, and the gate's sentence."""
    verdict = evaluation.gate
    outcome = "Passed" if verdict.passed else "Refused"
    return (
        f"{evaluation.rows:,} reviews of {describe_scope(evaluation)}. "
        f"{outcome} by the gate: {verdict.message}"
    )


def limits(evaluation: Evaluation) -> list[str]:
    """Where it is weak, a sentence or two each."""
    weakest = min(evaluation.per_class, key=lambda star: evaluation.per_class[star].f1)
    return [
        f"{weakest} stars are found worst (F1 {evaluation.per_class[weakest].f1:.2f}): "
        "the middle of the scale is where people disagree, too.",
        "Two authors of the same text give the same stars in about 77 % of cases, so no "
        "model can be right much more often.",
        "It knows the product categories that it learned from; on others accuracy falls "
        "while the order of reviews mostly stays. The drift check watches for that.",
        "Irony, reviews of the delivery and reviews of another product are read as words.",
    ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + " --- |" * len(head)
    return "\n".join([line(head), rule, *(line(row) for row in rows)])
