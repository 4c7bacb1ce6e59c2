"""model_card.md: what a model is for, how good it is, and where it must not be trusted.

The words stand here once; `package_card` puts the same into the form of SageMaker's registry.
"""

from collections.abc import Mapping
from typing import Any

from training.evaluation.metrics import HEADLINE
from training.report.report import NAMES, fold_figures, origin, whose

PURPOSE = (
    "Reads the title and text of a product review and gives a probability for each of 1 to 5 "
    "stars, the stars decided from them, and the words that decided."
)
USES = "Meant for sorting, routing and summing up many reviews."
NOT_FOR = (
    "Not meant for judging the person who wrote one, and not as the only ground for removing a "
    "review."
)
FIGURES = (*HEADLINE, "ece", "binary_accuracy")
COMMONEST = "Always the commonest star"
GROUP = ("rows", "majority", "accuracy", "macro_f1", "mae")  # what is said of a slice


def markdown(
    figures: Mapping[str, Any], about: Mapping[str, Any], training: Mapping[str, Any]
) -> str:
    """The page. figures: evaluation.json. about: model.json. training: training.json."""
    blocks = [
        "# Review Stars: model card",
        "## What it does",
        f"{PURPOSE} {learned(about)}",
        f"{USES} {NOT_FOR}",
        "## How good",
        judged(figures),
        _table(["figure", "value", "95 % ±"], _headline(figures)),
        against_champion(figures),
        "## By star",
        _table(
            ["stars", "precision", "recall", "F1", "reviews"],
            [
                [
                    star,
                    *(f"{entry[k]:.3f}" for k in ("precision", "recall", "f1")),
                    f"{entry['rows']:,}",
                ]
                for star, entry in figures["per_class"].items()
            ],
        ),
        "## By group",
        _table(
            ["group", "reviews", "majority", "accuracy", "macro F1", "mean error"], _groups(figures)
        ),
        *_folds(training),
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits(figures)),
        "## Where it comes from",
        _table(["", ""], [[name, value] for name, value in origin(about).items()]),
        f"Spreads: {figures['spread_method']}.",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _headline(figures: Mapping[str, Any]) -> list[list[str]]:
    rows = [[COMMONEST, f"{figures['majority']:.4f}", ""]]
    for name in FIGURES:
        spread = figures["spread"].get(name)
        error = "" if spread is None else f"{1.96 * spread:.4f}"
        rows.append([NAMES[name], f"{figures[name]:.4f}", error])
    return rows


def against_champion(figures: Mapping[str, Any]) -> str:
    """How it differs from the model in service."""
    champion = figures["champion"]
    if not champion:
        return "There was no model in service to compare it with."
    gain = champion["differences"]["accuracy"]["difference"]
    p_value = champion["mcnemar"]["p_value"]
    return (
        f"On the same rows its accuracy differs from the champion's by {gain:+.4f} "
        f"(McNemar p = {p_value:.2g})."
    )


def _groups(figures: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            f"{grouping.replace('_', ' ')}: {name}",
            f"{entry['rows']:,}",
            *(f"{entry[k]:.3f}" for k in GROUP[1:]),
        ]
        for grouping, values in figures["slices"].items()
        for name, entry in values.items()
    ]


def _folds(training: Mapping[str, Any]) -> list[str]:
    folds = fold_figures(training)
    if not folds:
        return []
    rows = [
        [str(place + 1), *(f"{fold[name]:.4f}" for name in HEADLINE)]
        for place, fold in enumerate(folds)
    ]
    head = ["fold", *(NAMES[name] for name in HEADLINE)]
    return ["## Cross-validation", _table(head, rows)]


def learned(about: Mapping[str, Any]) -> str:
    """The languages that it knows."""
    languages = ", ".join(about.get("languages", ["en"]))
    return (
        f"It has learned from reviews in {languages}; for another detected language the API shows "
        "no stars."
    )


def judged(figures: Mapping[str, Any]) -> str:
    """On how many rows, and the gate's sentence."""
    verdict = figures["gate"]
    said = "Passed" if verdict["passed"] else "Refused"
    return (
        f"{figures['rows']:,} reviews of {whose(figures)}. {said} by the gate: {verdict['message']}"
    )


def limits(figures: Mapping[str, Any]) -> list[str]:
    """Where it is weak, a sentence or two each."""
    rarest = min(figures["per_class"], key=lambda star: figures["per_class"][star]["f1"])
    return [
        f"{rarest} stars are found worst (F1 {figures['per_class'][rarest]['f1']:.2f}): "
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
