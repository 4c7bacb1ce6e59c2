"""The plots of a training report, each from plain figures to the text of an SVG.

Drawn without pyplot, so nothing global changes; the same figures give the same bytes. Colours
are those of `monitoring.page`, so that `themed` can hand them to the page's style.
"""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluation.evaluation import (
    CalibrationBin,
    ClassMetrics,
    Coverage,
    Difference,
    Slice,
)
from training.evaluation.slices import MIN_SLICE_ROWS, is_pair
from training.evaluation.top_words import TopWord
from training.report.wording import describe_slice

INK, SOFT, LINE = "#1c2536", "#5d6980", "#dfe4ec"
NOW, BEFORE, GOOD, BAD, STAR = "#2f6fde", "#a9b4c6", "#1f8a58", "#c8372d", "#f2a71b"
THEME = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    NOW: "var(--now)",
    BEFORE: "var(--before)",
    GOOD: "var(--good)",
    BAD: "var(--bad)",
    STAR: "var(--star)",
}
STARS = ("1", "2", "3", "4", "5")
MAX_NAME = 34  # characters of an n-gram with its field that are drawn
MAX_SLICES = 6  # of one grouping that are drawn
STYLE = {
    "svg.fonttype": "none",  # words stay words: small, sharp, searchable
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
}


def themed(svg: str) -> str:
    """The same drawing, its colours taken from the page that it stands in."""
    for colour, variable in THEME.items():
        svg = svg.replace(colour, variable)
    return svg


def confusion(table: Sequence[Sequence[int]]) -> str:
    """Where each true star goes: share of its row, and rows."""
    from matplotlib.patches import Rectangle

    counts = np.asarray(table)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))

    def draw(axes: Any) -> None:
        for i, j in np.ndindex(5, 5):
            shade = float(shares[i, j])
            colour = NOW if i == j else BAD
            axes.add_patch(Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, fc=colour, alpha=shade))
            ink = "white" if shade > 0.55 else INK
            axes.text(j, i - 0.1, f"{shade:.0%}", ha="center", va="center", color=ink, size=11)
            axes.text(j, i + 0.25, f"{counts[i, j]:,}", ha="center", va="center", color=ink, size=7)
        axes.set(xlim=(-0.5, 4.5), ylim=(4.5, -0.5), xlabel="predicted stars", ylabel="true stars")
        axes.set_xticks(range(5), STARS)
        axes.set_yticks(range(5), STARS)
        axes.grid(visible=False)

    return _svg("confusion", draw, (4.6, 4.2))


def calibration(bins: Sequence[CalibrationBin]) -> str:
    """Is an answer given with 80 % confidence right in 80 %? Dots are as large as their rows."""
    rows = np.array([entry.rows for entry in bins])
    sure = np.array([entry.confidence for entry in bins])
    right = np.array([entry.accuracy for entry in bins])

    def draw(axes: Any) -> None:
        axes.plot([0.2, 1], [0.2, 1], color=SOFT, lw=1, ls="--")
        axes.plot(sure, right, color=NOW, lw=1.5)
        axes.scatter(sure, right, s=20 + 260 * rows / max(1, rows.max()), color=NOW, alpha=0.55)
        axes.set(xlim=(0.18, 1.02), ylim=(0, 1.03), xlabel="confidence", ylabel="share right")
        axes.text(1.0, 0.03, "dashed: perfectly calibrated", ha="right", color=SOFT, size=8)

    return _svg("calibration", draw, (4.6, 4.2))


def per_class(metrics: Mapping[str, ClassMetrics]) -> str:
    """Precision, recall and F1 of each star."""
    kinds = (("precision", BEFORE), ("recall", STAR), ("f1", NOW))

    def draw(axes: Any) -> None:
        for place, (kind, colour) in enumerate(kinds):
            values = [getattr(metrics[star], kind) for star in STARS]
            x = np.arange(5) + (place - 1) * 0.27
            axes.bar(x, values, 0.25, color=colour, label=kind.replace("f1", "F1"))
            if kind == "f1":
                for left, value in zip(x, values, strict=True):
                    axes.text(left, value + 0.02, f"{value:.2f}", ha="center", size=8)
        axes.set(ylim=(0, 1.06), xlabel="true stars")
        axes.set_xticks(range(5), STARS)
        axes.grid(visible=False, axis="x")
        axes.legend(ncols=3, loc="upper left", bbox_to_anchor=(0, 1.12), borderpad=0)

    return _svg("per_class", draw, (4.6, 3.4))


def coverage(curve: Sequence[Coverage], majority: float) -> str:
    """Accuracy when only the surest share of reviews is answered."""
    x = [entry.coverage for entry in curve]
    y = [entry.accuracy for entry in curve]

    def draw(axes: Any) -> None:
        axes.plot(x, y, color=NOW, marker="o", ms=5)
        axes.axhline(majority, color=SOFT, lw=1, ls="--")
        axes.text(0.1, majority + 0.01, "always the commonest star", color=SOFT, size=8)
        for entry in curve:
            if round(entry.coverage * 10) % 2 == 0:
                axes.annotate(
                    f"{entry.accuracy:.0%}",
                    (entry.coverage, entry.accuracy),
                    textcoords="offset points",
                    xytext=(0, 8),
                    ha="center",
                    size=9,
                )
        axes.set(xlabel="share of reviews that are answered, surest first", ylabel="accuracy")
        axes.set(ylim=(min(majority, *y) - 0.05, 1.04), xlim=(0.05, 1.05))
        axes.set_xticks([0.2, 0.4, 0.6, 0.8, 1.0], ["20%", "40%", "60%", "80%", "100%"])

    return _svg("coverage", draw, (4.6, 3.4))


def slices(found: Mapping[str, Mapping[str, Slice]]) -> str:
    """Accuracy of each slice with its 95 % interval, confidence, and what the commonest star has.

    Slices by two things at once stand in a table.
    """
    rows = [
        (describe_slice(grouping, name), figures)
        for grouping, values in found.items()
        if not is_pair(grouping)
        for name, figures in list(values.items())[:MAX_SLICES]
        if figures.rows >= MIN_SLICE_ROWS
    ]

    def draw(axes: Any) -> None:
        for place, (_, figures) in enumerate(rows):
            ends = [figures.low, figures.high]
            axes.plot(ends, [place, place], color=NOW, lw=3, alpha=0.4, solid_capstyle="round")
            axes.plot(figures.confidence, place, "d", color=STAR, ms=6)
            axes.plot(figures.accuracy, place, "o", color=NOW, ms=7)
            axes.plot(figures.majority, place, "|", color=SOFT, ms=14, mew=2)
            axes.text(1.02, place, f"{figures.rows:,}", va="center", color=SOFT, size=9)
        axes.text(1.02, -0.9, "rows", va="center", color=SOFT, size=9)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        least = min((min(one.low, one.majority, one.confidence) for _, one in rows), default=0.0)
        axes.set(ylim=(len(rows) - 0.4, -0.7), xlim=(max(0.0, least - 0.05), 1))
        axes.set_xlabel("dot: accuracy · diamond: confidence · tick: always the commonest star")
        axes.grid(visible=False, axis="y")

    return _svg("slices", draw, (9.4, 0.9 + 0.34 * len(rows)))


def champion(differences: Mapping[str, Difference], margin: float) -> str:
    """What the challenger gains or loses on the champion, turned so that right is better."""
    from training.evaluation.metrics import LOWER_IS_BETTER

    def draw(axes: Any) -> None:
        for place, (name, entry) in enumerate(differences.items()):
            sign = -1 if name in LOWER_IS_BETTER else 1
            gain, half = sign * entry.difference, 1.96 * (entry.standard_error or 0.0)
            colour = BAD if gain < -margin else GOOD if gain - half > 0 else NOW
            ends = [gain - half, gain + half]
            axes.plot(ends, [place, place], color=colour, lw=3, alpha=0.4, solid_capstyle="round")
            axes.plot(gain, place, "o", color=colour, ms=8)
            axes.text(gain, place - 0.28, f"{gain:+.4f}", ha="center", size=9)
        axes.axvline(0, color=SOFT, lw=1)
        axes.axvline(-margin, color=BAD, lw=1, ls="--")
        axes.text(-margin, -0.75, "refused left of here", color=BAD, size=8, ha="right")
        axes.set_yticks(range(len(differences)), list(differences))
        axes.set(ylim=(len(differences) - 0.4, -0.9))
        axes.set_xlabel("difference from the champion: right is better")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -3 * margin), max(high, 3 * margin))
        axes.grid(visible=False, axis="y")

    return _svg("champion", draw, (9.4, 3.0))


def top_words(found: Mapping[str, Sequence[TopWord]]) -> Mapping[str, str]:
    """For each star the n-grams that spoke for it most, over the reviews that were so answered."""
    every = [_name(entry) for entries in found.values() for entry in entries]
    share = max(0.36, 0.0175 * max(map(len, every), default=0))  # of the width, for the longest

    def drawing(star: str, entries: Sequence[TopWord]) -> str:
        def draw(axes: Any) -> None:
            for place, entry in enumerate(entries):
                colour = STAR if entry.field == "title" else NOW
                axes.barh(place, entry.weight, 0.72, color=colour)
            axes.set_yticks(range(len(entries)), [_name(entry) for entry in entries])
            axes.set(ylim=(len(entries) - 0.4, -0.6))
            axes.set_xlabel("pull towards the answer (logit)")
            axes.grid(visible=False, axis="y")

        return _svg(f"words_{star}", draw, (4.6, 0.8 + 0.27 * len(entries)), names=share)

    return {f"words_{star}": drawing(star, entries) for star, entries in found.items() if entries}


def _name(entry: TopWord) -> str:
    """An n-gram and where it stands; a long one is cut in its middle."""
    field = f" ({entry.field})"
    room = (MAX_NAME - len(field) - 1) // 2
    ngram = entry.ngram
    short = ngram if len(ngram) <= 2 * room + 1 else f"{ngram[:room]}…{ngram[-room:]}"
    return short + field


def learning_curve(points: Sequence[Mapping[str, float]]) -> str:
    """Figures by training rows."""

    def draw(axes: Any) -> None:
        x = [point["rows"] for point in points]
        for name, colour in (("accuracy", NOW), ("macro_f1", STAR)):
            y = [point[name] for point in points]
            axes.plot(x, y, color=colour, marker="o", label=name)
            for left, value in zip(x, y, strict=True):
                axes.text(left, value + 0.008, f"{value:.3f}", ha="center", size=8)
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{rows:,.0f}" for rows in x])
        axes.minorticks_off()
        axes.set(xlabel="training rows")
        axes.legend()

    return _svg("learning_curve", draw, (9.4, 3.4))


def _svg(name: str, draw: Any, size: tuple[float, float], names: float | None = None) -> str:
    """names: share of the width that is kept for names, so that neighbours are drawn alike."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with (
        mpl.rc_context({**STYLE, "svg.hashsalt": name}),  # ids differ between drawings of a page
        warnings.catch_warnings(),
    ):
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        if names is not None:
            figure.subplots_adjust(names, 0.55 / size[1], 0.98, 0.99)
        content = io.StringIO()
        # Words stay text that a browser draws: a font that lacks them here is no fault.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(
            content,
            format="svg",
            transparent=True,
            bbox_inches="tight" if names is None else None,
            metadata={"Date": None, "Creator": None},
        )
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px system-ui, sans-serif", svg)
    return re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
