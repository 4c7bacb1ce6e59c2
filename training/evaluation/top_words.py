"""Which words speak for an answer, over many reviews."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Rows
from training.model.star_model import StarModel

SHOWN_STARS = (1, 3, 4, 5)
EXPLAINED_ROWS = 240  # reviews of each decided star whose words are weighed
MIN_REVIEWS = 4  # that must share a word before it is shown: nobody's own words
MAX_WORDS = 14


class TopWord(msgspec.Struct, frozen=True):
    """An n-gram that speaks for an answer, and the field where it stands.

    weight: its mean contribution to the logit of that answer, where it occurs.
    """

    ngram: str
    field: str
    weight: float
    reviews: int


def find_top_words(
    model: StarModel, rows: Rows, stars: NDArray[np.int64]
) -> dict[str, list[TopWord]]:
    """By decided star the n-grams that pulled hardest towards it, the strongest first.

    Chosen by weight times the root of their share of the reviews, so that neither one loud word
    nor one common one wins by itself.
    """
    found: dict[str, list[TopWord]] = {}
    for star in SHOWN_STARS:
        places = np.flatnonzero(stars == star)[:EXPLAINED_ROWS].tolist()
        pulls: dict[tuple[str, str], list[float]] = defaultdict(list)
        for place in places:
            for part in model.explain(
                rows.title[place], rows.text[place], None, int(rows.verified_purchase[place])
            ):
                if part.words:
                    pulls[part.field, part.words].append(part.contribution)
        found[str(star)] = _strongest(pulls, len(places))
    return found


def _strongest(pulls: Mapping[tuple[str, str], Sequence[float]], reviews: int) -> list[TopWord]:
    entries = [
        TopWord(ngram, field, float(np.mean(values)), len(values))
        for (field, ngram), values in pulls.items()
        if len(values) >= MIN_REVIEWS and np.mean(values) > 0
    ]
    entries.sort(key=lambda entry: (-entry.weight * (entry.reviews / reviews) ** 0.5, entry.ngram))
    return sorted(entries[:MAX_WORDS], key=lambda entry: (-entry.weight, entry.ngram))
