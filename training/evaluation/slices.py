"""For whom a model works: metrics of groups of rows, next to each group's own majority.

Rows of a slice are taken as independent: intervals are Wilson's, standard errors those of a mean
over rows. `compare` leaves out whole users; in slices of some hundred rows that says too little.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reviews.verified import NAMES
from training.data.dataset import Rows
from training.evaluation.evaluation import PairedGain, Slice
from training.evaluation.metrics import HEADLINE, ece, headline
from training.evaluation.scoring import Scored
from training.features.tokens import STANDS_ALONE

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.floating[Any]]
Labels = Mapping[str, NDArray[np.str_]]

MAX_WORDS = (3, 7, 15, 30)  # of the cleaned text, where each slice but the last one ends
LENGTHS = (
    "up to 3 words",
    "4 to 7 words",
    "8 to 15 words",
    "16 to 30 words",
    "more than 30 words",
)
PAIR = " and "  # between the names of two groupings, and of their values
MIN_SLICE_ROWS = 20  # that are shown: fewer have no accuracy worth a dot
Z = 1.96  # of a two-sided 95 % interval
METHOD = "Wilson's 95 % interval, rows taken as independent"
REPEATS = 0.95  # of the rows of one of its halves: such a pair says nothing new


def of_rows(scored: Scored, champion: NDArray[np.int64] | None) -> dict[str, dict[str, Slice]]:
    """Figures by length, verified_purchase, language and their pairs. champion: (n,) its stars."""
    labels = label(scored.rows)
    groups = labels | pairs(labels)
    return measure(scored.rows.rating, scored.stars, scored.probabilities, groups, champion)


def with_other_languages(
    judged: dict[str, dict[str, Slice]], others: Scored, learned: Collection[str]
) -> dict[str, dict[str, Slice]]:
    """The same with the languages that only count, after those that were judged."""
    by_language = {"language": others.rows.language_labels(learned)}
    found = measure(others.rows.rating, others.stars, others.probabilities, by_language)
    return judged | {"language": judged["language"] | found["language"]}


def label(rows: Rows) -> dict[str, NDArray[np.str_]]:
    """(n,) labels of each row by each grouping."""
    words = np.fromiter(map(count_words, rows.text), np.int64, len(rows))
    return {
        "length": np.array(LENGTHS)[np.searchsorted(MAX_WORDS, words, side="left")],
        "verified_purchase": np.array([NAMES[v] for v in rows.verified_purchase.tolist()], "U8"),
        "language": rows.language,
    }


def count_words(text: str) -> int:
    """Words of a text; of scripts without blanks each sign is one, as it is for the model."""
    return len((text if text.isascii() else STANDS_ALONE.sub(r" \1 ", text)).split())


def pairs(labels: Labels) -> dict[str, NDArray[np.str_]]:
    """(n,) labels by every two groupings; empty where a pair is about one of its halves again."""
    found = {}
    for one, other in combinations(labels, 2):
        joined = np.char.add(np.char.add(labels[one], PAIR), labels[other])
        rows_of_one, rows_of_other = _count(labels[one]), _count(labels[other])
        for value, rows in _count(joined).items():
            left, _, right = value.partition(PAIR)
            if rows >= REPEATS * min(rows_of_one[left], rows_of_other[right]):
                joined[joined == value] = ""
        found[f"{one}{PAIR}{other}"] = joined
    return found


def measure(
    truth: IntArray,
    stars: IntArray,
    probabilities: FloatArray,
    groups: Labels,
    champion: IntArray | None = None,
) -> dict[str, dict[str, Slice]]:
    """Metrics of each value of each grouping: lengths by length, others by rows, most first.

    groups: (n,) labels; an empty one is in no slice. champion: (n,) its stars on the same rows.
    """
    found: dict[str, dict[str, Slice]] = {}
    for grouping, labels in groups.items():
        rows_of = _count(labels)
        rows_of.pop("", None)
        found[grouping] = {
            value: _measure_slice(truth, stars, probabilities, champion, labels == value)
            for value in sorted(rows_of, key=lambda value: (_place(value), -rows_of[value], value))
        }
    return found


def _measure_slice(
    truth: IntArray,
    stars: IntArray,
    probabilities: FloatArray,
    champion: IntArray | None,
    mask: NDArray[np.bool_],
) -> Slice:
    truth, stars, probabilities = truth[mask], stars[mask], probabilities[mask]
    figures = headline(truth, stars)
    rows, accuracy = figures["rows"], figures["accuracy"]
    low, high = wilson(accuracy, rows)
    right = stars == truth
    commonest = np.bincount(truth, minlength=6).argmax()
    sure = probabilities[np.arange(rows), stars - 1]
    return Slice(
        **{name: figures[name] for name in ("rows", "majority", *HEADLINE)},
        low=low,
        high=high,
        ece=ece(truth, probabilities),
        confidence=float(sure.mean()),
        over_majority=gain(right, truth == commonest),
        over_champion=None if champion is None else gain(right, champion[mask] == truth),
    )


def wilson(share: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share. Source: Wilson (1927)."""
    middle = (share + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z / (1 + Z * Z / rows) * (share * (1 - share) / rows + (Z / (2 * rows)) ** 2) ** 0.5
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def gain(right: NDArray[np.bool_], other: NDArray[np.bool_]) -> PairedGain:
    """Accuracy less another's on the same rows.

    Its standard error is that of the mean difference, and at least one row's share: rows that all
    go one way have no spread, which is no certainty.
    """
    difference = right.astype(np.int64) - other  # (n,) -1, 0 or 1
    error = difference.std(ddof=1) / len(difference) ** 0.5 if len(difference) > 1 else 1.0
    return PairedGain(float(difference.mean()), float(max(error, 1 / len(difference))))


def large_enough(
    found: Mapping[str, Mapping[str, Slice]], min_rows: int = MIN_SLICE_ROWS
) -> Iterator[tuple[str, str, Slice]]:
    """(grouping, value, slice) of those that have so many rows."""
    for grouping, values in found.items():
        for value, one in values.items():
            if one.rows >= min_rows:
                yield grouping, value, one


def is_pair(grouping: str) -> bool:
    """Whether slices are cut by two things at once."""
    return PAIR in grouping


def _count(labels: NDArray[np.str_]) -> dict[str, int]:
    values, rows = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), rows.tolist(), strict=True))


def _place(value: str) -> int:
    """Lengths have an order of their own, alone and in pairs."""
    return next((i for i, name in enumerate(LENGTHS) if value.startswith(name)), -1)
