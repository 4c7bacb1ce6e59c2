"""Which words speak for an answer, over many reviews."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Rows
from training.model.star_model import StarModel

SHOWN_STARS = (1, 3, 4, 5)
EXPLAINED_ROWS = 240  # reviews of each decided star whose words are weighed
LEAST_REVIEWS = 4  # that must share a word before it is shown: nobody's own words
TOP_WORDS = 14


def gather(
    model: StarModel, rows: Rows, stars: NDArray[np.int64]
) -> dict[str, list[dict[str, Any]]]:
    """By decided star the words that pulled hardest towards it: `words field weight reviews`.

    weight: mean contribution to the logit of that star where the word occurs, times the root of
    its share of the reviews, so that neither one loud word nor one common one wins alone.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for star in SHOWN_STARS:
        places = np.flatnonzero(stars == star)[:EXPLAINED_ROWS].tolist()
        pulls: dict[tuple[str, str], list[float]] = defaultdict(list)
        for place in places:
            for part in model.explain(rows.title[place], rows.text[place]):
                if part.words:
                    pulls[part.field, part.words].append(part.contribution)
        found[str(star)] = _strongest(pulls, len(places))
    return found


def _strongest(
    pulls: Mapping[tuple[str, str], Sequence[float]], reviews: int
) -> list[dict[str, Any]]:
    entries = [
        {
            "words": words,
            "field": field,
            "weight": float(np.mean(values)),
            "reviews": len(values),
            "order": float(np.mean(values)) * (len(values) / reviews) ** 0.5,
        }
        for (field, words), values in pulls.items()
        if len(values) >= LEAST_REVIEWS and np.mean(values) > 0
    ]
    entries.sort(key=lambda entry: (-entry["order"], entry["words"]))
    chosen = sorted(entries[:TOP_WORDS], key=lambda entry: (-entry["weight"], entry["words"]))
    return [{k: v for k, v in entry.items() if k != "order"} for entry in chosen]
