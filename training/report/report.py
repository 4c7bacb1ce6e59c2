"""report.html of a training run: how good, how sure, against whom, and why, on one page."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from monitoring import page
from training.evaluation.metrics import HEADLINE
from training.report import ablations, plots

NAMES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "mae": "Mean error",
    "qwk": "QWK",
    "within_one": "Within one",
    "ece": "Calibration error",
    "binary_accuracy": "Good or bad",
    "log_loss": "Log loss",
}
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
    figures: Mapping[str, Any], words: Mapping[str, Any], curve: Mapping[str, Any]
) -> dict[str, str]:
    """Every plot of a run by its name, as SVG."""
    drawn = {
        "confusion": plots.confusion(figures["confusion"]),
        "calibration": plots.calibration(figures["calibration"]),
        "per_class": plots.per_class(figures["per_class"]),
        "coverage": plots.coverage(figures["selective"], figures["majority"]),
        "slices": plots.slices(figures["slices"]),
        **plots.words(words),
    }
    if figures["champion"]:
        margin = _margin(figures["gate"])
        drawn["champion"] = plots.champion(figures["champion"]["differences"], margin)
    if curve.get("points"):
        drawn["learning_curve"] = plots.learning_curve(curve["points"])
    return drawn


def html(
    figures: Mapping[str, Any],
    about: Mapping[str, Any],
    training: Mapping[str, Any],
    drawn: Mapping[str, str],
) -> str:
    """The page. about: model.json. training: training.json. drawn: what `draw` made."""
    shown = {name: _figure(name, svg) for name, svg in drawn.items()}
    parts = [_verdict(figures), page.tiles(_tiles(figures)), _gate(figures["gate"])]
    if figures["champion"]:
        parts.append(_champion(figures["champion"], shown["champion"]))
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
        page.section(
            "For whom it works",
            "Accuracy with its 95 % interval; the tick is what answering the commonest star would "
            "reach there. Slices of fewer than 20 rows stand in evaluation.json.",
            shown["slices"],
        ),
    ]
    words = [svg for name, svg in shown.items() if name.startswith("words_")]
    if words:
        parts.append(_words(shown))
    if "learning_curve" in shown:
        lead = "The same recipe on shares of the users. Where it still rises, more rows would help."
        parts.append(page.section("More data?", lead, shown["learning_curve"]))
    if fold_figures(training):
        parts.append(_folds(training))
    parts += _tried(training)
    parts.append(_recipe())
    parts.append(_origin(figures, about))
    return page.document(
        "How well does this model read reviews?",
        "Review Stars · training run",
        f"Judged on {figures['rows']:,} reviews of "
        f"{whose(figures)}. "
        "The commonest star alone would be right in "
        f"{figures['majority']:.1%}: every figure is to be read against that.",
        parts,
        f"Spreads: {figures['spread_method']}.",
    )


def whose(figures: Mapping[str, Any]) -> str:
    """Whose reviews were judged, and of how many they were drawn."""
    users = "every bucket" if figures["scope"] == "all rows" else "users that no fit saw"
    drawn = figures.get("drawn_from", 0)
    return f"{users}, drawn at random from {drawn:,}" if drawn else users


def fold_figures(training: Mapping[str, Any]) -> list[dict[str, float]]:
    """The headline figures of each fold of the cross-validation, where train left any."""
    folds = training.get("folds", [])
    entries = [fold.get("metrics", fold) for fold in folds if isinstance(fold, Mapping)]
    return [
        {name: entry[name] for name in HEADLINE} for entry in entries if set(HEADLINE) <= set(entry)
    ]


def _verdict(figures: Mapping[str, Any]) -> str:
    verdict = figures["gate"]
    kind = "good" if verdict["passed"] else "bad"
    sentences = [_sentence(verdict["message"])]
    if figures["scope"] == "all rows":
        sentences.append("Every bucket was scored, also what the model may have learned from.")
    if not figures["scorer"]["passed"]:
        sentences.append("Batch and single answers differ by more than they may: see below.")
    return page.verdict("Passed the gate" if verdict["passed"] else "Refused", kind, sentences)


def _tiles(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    tiles = []
    for name, meaning in MEANS.items():
        spread = figures["spread"].get(name)
        error = "" if spread is None else f"± {1.96 * spread:.3f} · "
        tiles.append((NAMES[name], f"{figures[name]:.3f}", f"{error}{meaning}"))
    return tiles


def _gate(verdict: Mapping[str, Any]) -> str:
    rows = [
        [
            condition["name"].replace("_", " "),
            "–" if condition["value"] is None else f"{condition['value']:.4f}",
            f"{BOUNDS[condition['bound']]} {condition['threshold']:g}",
            "good:holds" if condition["passed"] else "bad:fails",
        ]
        for condition in verdict["conditions"]
    ]
    lead = (
        f"The {verdict['floors']} floors of configs/model.yaml. “Against champion” is the gain on "
        "the model in service, on the same rows."
    )
    return page.section(
        "The gate", lead, page.table(["Condition", "Value", "Limit", ""], rows, numbers=(1, 2))
    )


def _champion(champion: Mapping[str, Any], svg: str) -> str:
    test = champion["mcnemar"]
    lead = (
        f"On the same rows the two agree in {champion['agree']:.1%}. Only this model is right "
        f"{test['only_challenger']:,} times, only the champion {test['only_champion']:,} times: "
        f"by chance with p = {test['p_value']:.2g} (McNemar). Bars are 95 % intervals."
    )
    return page.section("Against the champion", lead, svg)


def _words(shown: Mapping[str, str]) -> str:
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
    folds = fold_figures(training)
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
            ["", *(NAMES[name] for name in HEADLINE)],
            [*rows, ["mean ± sd", *spread]],
            numbers=tuple(range(1, len(HEADLINE) + 1)),
        ),
    )


def _tried(training: Mapping[str, Any]) -> list[str]:
    """Decision rules, and ways of balancing where they were compared, on out-of-fold rows."""
    names = (*HEADLINE, "ece")
    tables = [
        page.table(
            [title, *(NAMES[name] for name in names)],
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
            ("rules", "rule", "Decision rule", training.get("rule")),
            ("balance", "balance", "Balance", None),
        )
        if training.get(kind)
    ]
    lead = "On the out-of-fold answers of the training rows; the hold-out took no part."
    return [page.section("What was tried", lead, *tables)] if tables else []


def _recipe() -> str:
    """What was tried before this run, on other rows: the figures are those of `ablations`."""
    figures = [
        [
            entry.way,
            *(f"{value:.4f}" for value in entry[1:6]),
            "" if entry.seconds is None else f"{entry.seconds:.1f}",
            entry.verdict,
        ]
        for entry in ablations.HEADS
    ]
    names = [NAMES[n] for n in ("accuracy", "macro_f1", "mae", "qwk", "log_loss")]
    parts = [[way, f"{loss:.3f}"] for way, loss in ablations.PARTS]
    lead = (
        "Not this run: 79,117 training rows of electronics_train_100k, out of fold. Below, what "
        f"each part is worth in log loss, on the prototype. No gain: {ablations.NO_GAIN}."
    )
    return page.section(
        "How the recipe came about",
        lead,
        page.table(["Classifiers", *names, "CPU s", "Taken"], figures, numbers=(1, 2, 3, 4, 5, 6)),
        page.table(["Parts", NAMES["log_loss"]], parts, numbers=(1,)),
    )


def _origin(figures: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    rows = [
        ["scored rows", f"{figures['rows']:,} ({figures['scope']})"],
        ["rows in other languages, counted only", f"{figures['other_languages']:,}"],
        *_agreement(figures["scorer"]),
        *([name.replace("_", " "), value] for name, value in origin(about).items()),
    ]
    return page.section("Where this comes from", "", page.table(["", ""], rows))


SHOWN_LANGUAGES = 6
PATHS = {
    "alone": "the same rows one by one",
    "reference": "the same rows by scikit-learn",
    "golden": "golden set, against its record",
}


def _agreement(scorer: Mapping[str, Any]) -> list[list[str]]:
    return [
        [words, f"{scorer[path]['rows']} rows, {_differ(scorer[path]['largest_difference'])}"]
        for path, words in PATHS.items()
    ]


def _differ(difference: float) -> str:
    return f"probabilities differ by up to {difference:.0e}" if difference else "no difference"


def origin(about: Mapping[str, Any]) -> dict[str, str]:
    """What model.json says of itself, as plain words."""
    wanted = ("family", "mode", "format", "text_rules", "token_rules", "detector", "languages")
    told = {name: _plain(about[name]) for name in wanted if name in about}
    told |= _counted(about.get("rows", {}))
    rule = about.get("decision_rule")
    if rule:
        told["decision rule"] = _plain(rule)
    return told | {name: _plain(value) for name, value in about.get("provenance", {}).items()}


def _counted(rows: Mapping[str, Any]) -> dict[str, str]:
    """Rows that train read, in three lines; of languages the commonest."""
    told = {}
    totals = {name: rows[name] for name in ("read", "training", "hold_out") if name in rows}
    if totals:
        told["rows"] = ", ".join(f"{n.replace('_', '-')} {v:,}" for n, v in totals.items())
    if by_star := rows.get("training_by_star"):
        told["training rows by star"] = ", ".join(
            f"{star}: {count:,}" for star, count in enumerate(by_star, 1)
        )
    if languages := rows.get("languages"):
        common = sorted(languages, key=lambda code: (-languages[code], code))
        told["rows by language"] = ", ".join(
            f"{code} {languages[code]:,}" for code in common[:SHOWN_LANGUAGES]
        ) + (f", {len(common) - SHOWN_LANGUAGES} more" if len(common) > SHOWN_LANGUAGES else "")
    return told


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items() if v not in ((), [], None))
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _figure(name: str, svg: str) -> str:
    label = f'<svg role="img" aria-label="{name.replace("_", " ")}"'
    return plots.themed(svg).replace("<svg", label, 1)


def _margin(verdict: Mapping[str, Any]) -> float:
    compared = [c for c in verdict["conditions"] if c["name"].endswith("_against_champion")]
    return -float(compared[0]["threshold"]) if compared else 0.0
