"""report.html of a training run: how good, how sure, against whom, and why, on one page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monitoring import page
from training.evaluation.evaluation import (
    Champion,
    Evaluation,
    GateVerdict,
    ParityChecks,
)
from training.evaluation.metrics import HEADLINE
from training.evaluation.top_words import TopWord
from training.report import ablations, plots, weaknesses
from training.report.wording import (
    METRIC_NAMES,
    describe_origin,
    describe_scope,
    fold_metrics,
)

BOUNDS = {"at_least": "≥", "at_most": "≤"}
MEANS = {
    "accuracy": "share exactly right",
    "macro_f1": "every star counts the same",
    "mae": "in stars",
    "qwk": "agreement beyond chance",
    "within_one": "at most one star off",
    "ece": "confidence less accuracy",
}


def draw(
    evaluation: Evaluation, top_words: Mapping[str, Sequence[TopWord]], curve: Mapping[str, Any]
) -> dict[str, str]:
    """Every plot of a run by its name, as SVG."""
    drawn = {
        "confusion": plots.confusion(evaluation.confusion),
        "calibration": plots.calibration(evaluation.calibration),
        "per_class": plots.per_class(evaluation.per_class),
        "coverage": plots.coverage(evaluation.selective, evaluation.majority),
        "slices": plots.slices(evaluation.slices),
        **plots.top_words(top_words),
    }
    if evaluation.champion:
        margin = _margin(evaluation.gate)
        drawn["champion"] = plots.champion(evaluation.champion.differences, margin)
    if curve:
        drawn["learning_curve"] = plots.learning_curve(curve["points"])
    return drawn


def html(
    evaluation: Evaluation,
    manifest: Mapping[str, Any],
    training: Mapping[str, Any],
    drawn: Mapping[str, str],
) -> str:
    """The page. manifest: model.json. training: training.json. drawn: what `draw` made."""
    shown = {name: _figure(name, svg) for name, svg in drawn.items()}
    parts = [_verdict(evaluation), page.tiles(_tiles(evaluation)), _gate(evaluation.gate)]
    if evaluation.champion:
        parts.append(_champion(evaluation.champion, shown["champion"]))
    parts += [
        page.section(
            "Where the stars go",
            "Left: each true star's answers; a row sums to 100 %. Right: how well each star is "
            "found. Neighbours are confused most, as people do: two authors of the same text give "
            "the same stars in 77 %.",
            page.pair(shown["confusion"], shown["per_class"]),
        ),
        page.section(
            "When to trust an answer",
            "Left: of answers given with a confidence, how many were right. Right: accuracy if "
            "only the surest reviews are answered and a person reads the rest.",
            page.pair(shown["calibration"], shown["coverage"]),
        ),
        weaknesses.for_whom(evaluation, shown["slices"]),
        weaknesses.behaviour(evaluation),
    ]
    if any(name.startswith("words_") for name in shown):
        parts.append(_top_words(shown))
    if "learning_curve" in shown:
        lead = "The same recipe on shares of the users. Where it still rises, more rows would help."
        parts.append(page.section("More data?", lead, shown["learning_curve"]))
    parts.append(_folds(training))
    parts += _compared(training)
    parts.append(_ablations())
    parts.append(_origin(evaluation, manifest))
    return page.document(
        "How well does this model read reviews?",
        "Review Stars · training run",
        f"Judged on {evaluation.rows:,} reviews of "
        f"{describe_scope(evaluation)}. "
        "The commonest star alone would be right in "
        f"{evaluation.majority:.1%}: every figure is to be read against that.",
        parts,
        f"Spreads: {evaluation.spread_method}.",
    )


def _verdict(evaluation: Evaluation) -> str:
    verdict = evaluation.gate
    kind = "good" if verdict.passed else "bad"
    sentences = [_capitalise(verdict.message)]
    if evaluation.scope == "all rows":
        sentences.append("Every bucket was scored, also what the model may have learned from.")
    if not evaluation.parity_checks.passed:
        sentences.append("Batch and single answers differ by more than they may: see below.")
    return page.verdict("Passed the gate" if verdict.passed else "Refused", kind, sentences)


def _tiles(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    tiles = []
    for name, meaning in MEANS.items():
        spread = evaluation.spread[name]
        error = "" if spread is None else f"± {1.96 * spread:.3f} · "
        tiles.append((METRIC_NAMES[name], f"{getattr(evaluation, name):.3f}", f"{error}{meaning}"))
    return tiles


def _gate(verdict: GateVerdict) -> str:
    rows = [
        [
            condition.name.replace("_", " "),
            "–" if condition.value is None else f"{condition.value:.4f}",
            f"{BOUNDS[condition.bound]} {condition.threshold:g}",
            "good:holds" if condition.passed else "bad:fails",
        ]
        for condition in verdict.conditions
    ]
    lead = (
        f"The {verdict.floors} floors of configs/model.yaml. “Against champion” is the gain on "
        "the model in service, on the same rows; “over” one of the two is a slice's gain, in its "
        "standard errors."
    )
    return page.section(
        "The gate", lead, page.table(["Condition", "Value", "Limit", ""], rows, numbers=(1, 2))
    )


def _champion(champion: Champion, svg: str) -> str:
    test = champion.mcnemar
    lead = (
        f"On the same rows the two agree in {champion.agree:.1%}. Only this model is right "
        f"{test.only_challenger:,} times, only the champion {test.only_champion:,} times: "
        f"by chance with p = {test.p_value:.2g} (McNemar). Bars are 95 % intervals."
    )
    return page.section("Against the champion", lead, svg)


def _top_words(shown: Mapping[str, str]) -> str:
    parts = [
        f"<h3>Answered {star} star{'' if star == '1' else 's'}</h3>{shown[f'words_{star}']}"
        for star in plots.STARS
        if f"words_{star}" in shown
    ]
    return page.section(
        "What it reads",
        "The words and pairs that spoke most for an answer, over reviews that were so answered; "
        "gold from the title, blue from the text.",
        page.pair(*parts),
    )


def _folds(training: Mapping[str, Any]) -> str:
    folds = fold_metrics(training)
    rows = [
        [f"fold {place + 1}", *(f"{fold[name]:.4f}" for name in HEADLINE)]
        for place, fold in enumerate(folds)
    ]
    columns = {name: np.array([fold[name] for fold in folds]) for name in HEADLINE}
    spread = [
        f"{values.mean():.4f} ± {values.std(ddof=1) if len(values) > 1 else 0:.4f}"
        for values in columns.values()
    ]
    return page.section(
        "Cross-validation",
        "Each fold holds users that its fit did not see; the decision rule was chosen here.",
        page.table(
            ["", *(METRIC_NAMES[name] for name in HEADLINE)],
            [*rows, ["mean ± sd", *spread]],
            numbers=tuple(range(1, len(HEADLINE) + 1)),
        ),
    )


def _compared(training: Mapping[str, Any]) -> list[str]:
    """Decision rules, and ways of balancing where they were compared, on out-of-fold rows."""
    names = (*HEADLINE, "ece")
    tables = [
        page.table(
            [title, *(METRIC_NAMES[name] for name in names)],
            [
                [
                    f"{entry[key]} (chosen)" if entry[key] == chosen else str(entry[key]),
                    *(f"{entry[name]:.4f}" for name in names),
                ]
                for entry in training[kind]
            ],
            numbers=tuple(range(1, len(names) + 1)),
        )
        for kind, key, title, chosen in (
            ("decision_rules", "decision_rule", "Decision rule", training["decision_rule"]),
            ("balance", "balance", "Balance", None),
        )
        if training.get(kind)
    ]
    lead = "On the out-of-fold answers of the training rows; the hold-out took no part."
    return [page.section("What was compared", lead, *tables)] if tables else []


def _ablations() -> str:
    """What was tried before this run, on other rows."""
    figures = [
        [
            entry.variant,
            *(f"{value:.4f}" for value in entry[1:6]),
            "" if entry.seconds is None else f"{entry.seconds:.1f}",
            entry.verdict,
        ]
        for entry in ablations.CLASSIFIERS
    ]
    names = [METRIC_NAMES[n] for n in ("accuracy", "macro_f1", "mae", "qwk", "log_loss")]
    parts = [[variant, f"{loss:.3f}"] for variant, loss in ablations.PARTS]
    lead = (
        "Not this run: 79,117 training rows of electronics_train_100k, out of fold. Below, what "
        f"each part is worth in log loss, on the prototype. No gain: {ablations.NO_GAIN}."
    )
    return page.section(
        "How the recipe came about",
        lead,
        page.table(["Classifiers", *names, "CPU s", "Taken"], figures, numbers=(1, 2, 3, 4, 5, 6)),
        page.table(["Parts", METRIC_NAMES["log_loss"]], parts, numbers=(1,)),
    )


def _origin(evaluation: Evaluation, manifest: Mapping[str, Any]) -> str:
    rows = [
        ["scored rows", f"{evaluation.rows:,} ({evaluation.scope})"],
        ["rows in other languages, counted only", f"{evaluation.other_languages:,}"],
        *_parity(evaluation.parity_checks),
        *([name.replace("_", " "), value] for name, value in describe_origin(manifest).items()),
    ]
    return page.section("Where this comes from", "", page.table(["", ""], rows))


def _parity(checks: ParityChecks) -> list[list[str]]:
    named = {
        "the same rows one by one": checks.single,
        "the same rows by scikit-learn": checks.reference,
        "golden set, against its record": checks.golden,
    }
    return [
        [name, f"{check.rows} rows, {_describe_difference(check.largest_difference)}"]
        for name, check in named.items()
    ]


def _describe_difference(difference: float) -> str:
    return f"probabilities differ by up to {difference:.0e}" if difference else "no difference"


def _capitalise(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _figure(name: str, svg: str) -> str:
    label = f'<svg role="img" aria-label="{name.replace("_", " ")}"'
    return plots.themed(svg).replace("<svg", label, 1)


def _margin(verdict: GateVerdict) -> float:
    compared = [c for c in verdict.conditions if c.name.endswith("_against_champion")]
    return -compared[0].threshold if compared else 0.0
