"""The drift report: one HTML file that says what happened, how sure that is, and what to do.

It holds counts and shares only, never a customer's words.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring import page
from monitoring.advice import ADVICE
from monitoring.baseline import (
    CONFIDENCE_BINS,
    Baseline,
    count_confidence,
    count_languages,
)
from monitoring.baseline import count_stars as stars_of
from monitoring.drift import DRIFT, INSUFFICIENT, OK, DriftVerdict, Finding
from monitoring.feedback import Quality
from monitoring.observations import Observations
from monitoring.statistics import IntArray
from reviews.language import UNDETERMINED

LENGTH_EDGES = (25, 50, 100, 200, 400, 800, 1600)  # characters; the last bin is open
TOP_LANGUAGES = 6


SHOWN = {
    OK: ("Nothing unusual", "good"),
    DRIFT: ("Drift", "bad"),
    INSUFFICIENT: ("Too little to judge", "unsure"),
}


def html(
    verdict: DriftVerdict,
    *,
    baseline: Baseline | None = None,
    window: Observations | None = None,
    quality: Quality | None = None,
    about: Mapping[str, str] | None = None,
) -> str:
    """The page of one check. about: pointers to show, such as the model package and the times."""
    word, kind = SHOWN[verdict.verdict]
    parts = [page.verdict(word, kind, _what_happened(verdict)), page.tiles(_headline(verdict))]
    if verdict.alarms:
        parts.append(_what_to_do(verdict))
    if verdict.tests:
        parts.append(_tests(verdict))
    if baseline is not None and window is not None and len(window):
        parts.append(_distributions(baseline, window))
        parts.append(_quality_of_input(baseline, window))
    if quality is not None:
        parts.append(_feedback(quality))
    if about:
        rows = [[name, value] for name, value in about.items()]
        parts.append(page.section("Where this comes from", "", page.table(["", ""], rows)))
    return page.document(
        "Do today's reviews still look familiar?",
        "Review Stars · drift",
        "The predictions of this window, compared with those on the hold-out that the live model "
        "was judged by. Stars are predicted, not true: drift says that the input changed, not "
        "that the answers are wrong.",
        parts,
        "Seven tests, chance of a false alarm in a window without change at most 1 in "
        f"{round(1 / max(verdict.level * len(ADVICE), 1e-9))}; see configs/drift.yaml.",
    )


def _what_happened(verdict: DriftVerdict) -> list[str]:
    if verdict.verdict == INSUFFICIENT:
        return [
            f"Not judged: {verdict.reason}.",
            "This is no all-clear. The rows stay in the bucket, and the next window is judged "
            "when it has enough of them.",
        ]
    if verdict.verdict == OK:
        return [f"{verdict.reason.capitalize()}, against {verdict.baseline_rows} baseline rows."]
    sentences = [f"{ADVICE[f.name].title}: {f.message}." for f in verdict.alarms]
    count = len(verdict.alarms)
    heading = f"{count} of {len(verdict.tests)} tests {'alarms' if count == 1 else 'alarm'}."
    return [heading, *sentences]


def _headline(verdict: DriftVerdict) -> list[tuple[str, str, str]]:
    surest = min((finding.p_value for finding in verdict.tests), default=None)
    unreadable = f"{verdict.unreadable:,} lines unreadable" if verdict.unreadable else ""
    return [
        ("Reviews in the window", f"{verdict.n:,}", unreadable),
        ("Baseline rows", f"{verdict.baseline_rows:,}", "hold-out of the live model"),
        ("Tests that alarm", f"{len(verdict.alarms)} of {len(verdict.tests)}", ""),
        (
            "Smallest p-value",
            "–" if surest is None else probability(surest),
            f"a test alarms below {verdict.level:.4f}",
        ),
    ]


def _what_to_do(verdict: DriftVerdict) -> str:
    rows = [
        [ADVICE[f.name].title, ADVICE[f.name].causes, ADVICE[f.name].action] for f in verdict.alarms
    ]
    return page.section(
        "What to do",
        "One drifting window is a report. Where it goes on, the alarm starts the Learn machine, "
        "which retrains if there is new data; the gate then decides.",
        page.table(["Test", "Often caused by", "Next step"], rows),
    )


def _tests(verdict: DriftVerdict) -> str:
    limit = -math.log10(verdict.level)
    chart = page.against_limit(
        [(ADVICE[f.name].title, _strength(f), f.alarm) for f in verdict.tests],
        limit,
        limit_label="alarm",
        described="How unlikely each test's result is, against the limit for an alarm",
    )
    rows = [
        [
            ADVICE[f.name].title,
            ADVICE[f.name].watches,
            f"{f.method} {f.statistic:.3g}",
            probability(f.p_value),
            "bad:alarm" if f.alarm else "good:no alarm",
        ]
        for f in verdict.tests
    ]
    return page.section(
        "The seven tests",
        "Bars are the surprise, -log10 of the p-value: one more is ten times less likely by "
        "chance. They say how sure a change is, not how large.",
        chart,
        page.table(["Test", "Watches", "Statistic", "p-value", ""], rows, numbers=(3,)),
    )


def _distributions(baseline: Baseline, window: Observations) -> str:
    n, m = len(window), baseline.rows
    codes = _top_languages(baseline, window)
    now_languages = count_languages(window)
    charts = [
        ("Predicted stars", ["1", "2", "3", "4", "5"], baseline.stars / m, stars_of(window) / n),
        (
            "Length in characters",
            [*(f"<{edge}" for edge in LENGTH_EDGES), "more"],
            _bin_lengths(baseline.lengths, baseline.length_rows) / m,
            _bin_lengths(window.length, np.ones(n)) / n,
        ),
        (
            "Confidence of the answers",
            [f"{edge:.0%}" for edge in np.arange(0.2, 1.0, 0.1)],
            _bin_confidence(baseline.confidence_rows) / m,
            _bin_confidence(count_confidence(window)) / n,
        ),
        (
            "Languages (share of all rows)",
            codes,
            np.array([baseline.languages.get(code, 0) for code in codes]) / m,
            np.array([now_languages.get(code, 0) for code in codes]) / n,
        ),
    ]
    drawn = [
        f"<h3>{title}</h3>"
        + page.grouped_bars(
            labels, {"baseline": before.tolist(), "this window": now.tolist()}, described=title
        )
        for title, labels, before, now in charts
    ]
    return page.section(
        "Before and now", "Share of the reviews, baseline in grey.", page.pair(*drawn)
    )


def _quality_of_input(baseline: Baseline, window: Observations) -> str:
    """What no test judges, and a person wants to see beside them."""
    n, m = len(window), baseline.rows
    undetermined = int((window.language == UNDETERMINED).sum())
    empty_before = int(baseline.length_rows[baseline.lengths == 0].sum())
    rows = [
        ["answered without stars", "", f"{1 - window.supported.mean():.2%}"],
        [
            "too short to tell the language",
            f"{baseline.languages.get(UNDETERMINED, 0) / m:.2%}",
            f"{undetermined / n:.2%}",
        ],
        [
            "no text left after cleaning",
            f"{empty_before / m:.2%}",
            f"{(window.length == 0).mean():.2%}",
        ],
        [
            "mean of the expected stars",
            f"{baseline.expected_stars_mean:.2f}",
            f"{window.expected_stars.mean():.2f}",
        ],
        ["lines that could not be read", "", f"{sum(window.unreadable.values()):,}"],
        *([f"… {reason}", "", f"{lines:,}"] for reason, lines in sorted(window.unreadable.items())),
    ]
    head = ["", "baseline", "this window"]
    return page.section("What came in", "", page.table(head, rows, numbers=(1, 2)))


def _feedback(quality: Quality) -> str:
    if not quality.estimates:
        return page.section("True stars that came back", f"Not judged: {quality.reason}.")
    rows = [
        [
            estimate.name,
            f"{estimate.value:.3f}",
            f"{estimate.low:.3f} to {estimate.high:.3f}",
            "–" if estimate.gate is None else f"{estimate.gate:.3f}",
            "bad:worse than the gate" if estimate.alarm else "good:no worse than the gate",
        ]
        for estimate in quality.estimates
    ]
    return page.section(
        "True stars that came back",
        f"{quality.n:,} answered reviews whose true stars are known. It alarms where the whole "
        "interval lies beyond the gate.",
        page.table(["Figure", "Value", "Interval", "Gate", ""], rows, numbers=(1, 2, 3)),
    )


def probability(p: float) -> str:
    """A p-value as a person reads it."""
    if p >= 0.001:
        return f"{p:.3f}"
    return "< 1e-300" if p < 1e-300 else f"{p:.0e}"


def _strength(finding: Finding) -> float:
    return -math.log10(max(finding.p_value, 1e-300)) + 0.0  # never -0.0


def _top_languages(baseline: Baseline, window: Observations) -> list[str]:
    now = count_languages(window)
    shares = {
        code: baseline.languages.get(code, 0) / baseline.rows + now.get(code, 0) / len(window)
        for code in {*baseline.languages, *now}
    }
    return sorted(shares, key=lambda code: (-shares[code], code))[:TOP_LANGUAGES]


def _bin_lengths(lengths: IntArray, rows: NDArray[Any]) -> NDArray[Any]:
    places = np.searchsorted(LENGTH_EDGES, lengths, side="right")
    return np.bincount(places, weights=rows, minlength=len(LENGTH_EDGES) + 1)


def _bin_confidence(rows: IntArray) -> IntArray:
    """Eight bins from .2 to 1, as confidence in one of five cannot be lower."""
    tenths = rows.reshape(10, CONFIDENCE_BINS // 10).sum(axis=1)
    return np.concatenate([[tenths[:3].sum()], tenths[3:]])
