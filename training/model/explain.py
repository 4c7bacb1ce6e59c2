"""Why a review got its stars: what each n-gram and each count adds to their logit.

A net of ReLUs is linear where it stands, so the parts sum to the logit exactly. Logits have mean
0 over the five stars: a part above 0 speaks for the decided stars, one below against them. Where
no word is known, the constant is all: the base rates.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from reviews.verified import NOT_SAID
from training.features.tokens import COUNTS, FloatArray, Tokens, tokenise
from training.features.views import BOTH, known_words, numbers, occurrences
from training.model.scorer import Scorer

CONSTANT = "constant"
VERIFIED_PURCHASE = "verified_purchase"


@dataclass(frozen=True)
class Contribution:
    """What one part of a review adds to the logit of the decided stars.

    field: `title` or `text` (`both` in the plain family), with the n-gram as `words`; or a count
    such as `text_length`, or `constant`, without.
    """

    field: str
    words: str
    contribution: float


def explain(
    scorer: Scorer, title: str, text: str, stars: int, verified: int = NOT_SAID
) -> list[Contribution]:
    """The parts of the logit of `stars`, largest first."""
    tokens = tokenise([title], [text])
    counts = scorer.count(tokens)
    if not known_words(tokens, counts.number, scorer.lookup)[0]:
        logits = np.log(scorer.base_rates)
        return [Contribution(CONSTANT, "", float(logits[stars - 1] - logits.mean()))]
    weighed = scorer.weigh(counts, 1)
    scores = scorer.scores(weighed, 1)
    slopes, counted, logit = _slopes(scorer, scores, tokens.counts, stars, verified)
    parts: defaultdict[tuple[str, str], float] = defaultdict(float)
    spelled = _spell(scorer, tokens)
    width = scorer.weights.shape[1]
    # Of one review the segment is the view.
    pull = weighed.value[:, None] * scorer.weights.take(weighed.feature, axis=0)  # (m, h)
    pull *= slopes.reshape(-1, width).take(weighed.segment, axis=0)  # (views, h) -> (m, h)
    for view, ngram, part in zip(
        weighed.segment.tolist(), weighed.ngram.tolist(), pull.sum(axis=1).tolist(), strict=True
    ):
        parts[spelled[view, ngram]] += part
    for name, part in zip(COUNTS, counted.tolist(), strict=True):
        if part:
            parts[name, ""] += part
    if scorer.reads_verified and verified != NOT_SAID:
        # Not a slope: what the answer would lack, had nobody said it.
        unsaid = scorer.combine(scores, tokens.counts, None)[0, stars - 1]
        parts[VERIFIED_PURCHASE, ""] = logit - float(unsaid)
    parts[CONSTANT, ""] = logit - sum(parts.values())
    found = [Contribution(field, ngram, part) for (field, ngram), part in parts.items()]
    return sorted(found, key=lambda c: (-abs(c.contribution), c.field, c.words))


def _slopes(
    scorer: Scorer, scores: FloatArray, counts: FloatArray, stars: int, verified: int
) -> tuple[FloatArray, FloatArray, float]:
    """(views * h,) slopes of the logit by the scores, (c,) what each count adds, and the logit."""
    k = stars - 1
    logit = float(scorer.combine(scores, counts, [verified])[0, k])
    if scorer.stack is None:
        return np.eye(5)[k], np.zeros(len(COUNTS)), logit
    inputs = scorer.inputs(scores, counts, [verified])
    slopes = scorer.stack.slopes(inputs[0])[:, k] / scorer.stack.scale  # (i,)
    width = scores.shape[1]
    c = counts.shape[1]
    return slopes[:width], slopes[width : width + c] * counts[0], logit


def _spell(scorer: Scorer, tokens: Tokens) -> dict[tuple[int, int], tuple[str, str]]:
    """Where each n-gram of one review stands first, and its spelling, by segment and number."""
    t = len(tokens.hash)
    segment, place = occurrences(tokens, scorer.views, scorer.edge_tokens)
    number = numbers(tokens, scorer.lookup).take(place)
    title_tokens = int(tokens.offsets[1])
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for key, at in zip(
        zip(segment.tolist(), number.tolist(), strict=True), place.tolist(), strict=True
    ):
        if key not in found and key[1] >= 0:
            token, length = (at, 1) if at < t else (at - t, 2)
            field = "title" if token < title_tokens else "text"
            is_plain = scorer.views == BOTH
            found[key] = ("both" if is_plain else field, tokens.spell(token, length))
    return found
