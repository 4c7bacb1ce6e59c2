"""Whether the purchase was verified, as an input: used where it was learned, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from reviews.verified import NOT_SAID
from training.evaluation import reference
from training.features.tokens import tokenise
from training.features.verified import VERIFIED, flags
from training.model.artefact import ModelParts
from training.model.explain import explain
from training.model.scorer import Stack


@pytest.fixture(scope="module")
def reading(parts: ModelParts) -> ModelParts:
    """The same model, whose nets read the flags as well."""
    stack = parts.stack
    assert stack is not None
    random = np.random.default_rng(7)

    def widen(net):
        more = random.normal(0, 0.5, (len(VERIFIED), net.inner.shape[1])).astype(np.float32)
        return replace(net, inner=np.concatenate((net.inner, more)))

    zeros, ones = np.zeros(len(VERIFIED), np.float32), np.ones(len(VERIFIED), np.float32)
    wide = Stack(
        np.concatenate((stack.mean, zeros)),
        np.concatenate((stack.scale, ones)),
        stack.clip,
        tuple(widen(net) for net in stack.nets),
    )
    return replace(parts, stack=wide, reads_verified=True)


def test_not_said_is_neither_column():
    assert flags([1, 0, NOT_SAID], 3).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert flags(None, 2).tolist() == [[0, 0], [0, 0]]


def test_a_model_that_never_saw_a_flag_answers_the_same_bits_with_one(parts, reviews):
    scorer = parts.scorer()
    plain = scorer.probabilities(*reviews)
    for code in (1, 0, NOT_SAID):
        assert (scorer.probabilities(*reviews, np.full(len(reviews[0]), code)) == plain).all()


def test_not_said_is_the_answer_without_the_flag_and_yes_and_no_are_others(reading, reviews):
    scorer, n = reading.scorer(), len(reviews[0])
    unsaid, yes, no = (scorer.probabilities(*reviews, np.full(n, v)) for v in (NOT_SAID, 1, 0))
    assert (unsaid == scorer.probabilities(*reviews)).all()
    assert np.abs(yes - unsaid).max() > 1e-3
    assert np.abs(yes - no).max() > 1e-3


def test_the_slow_model_agrees_on_flags(reading, reviews):
    codes = np.arange(len(reviews[0])) % 3 - 1
    slow = reference.probabilities(reading, *reviews, codes.tolist())
    assert np.abs(reading.scorer().probabilities(*reviews, codes) - slow).max() < 1e-9


def test_the_explanation_says_by_how_much_and_still_sums(reading, reviews):
    scorer = reading.scorer()
    seen = 0
    for title, text in zip(reviews[0][:20], reviews[1][:20], strict=True):
        tokens = tokenise([title], [text])
        weighed = scorer.weigh(scorer.count(tokens), 1)
        unsaid, yes = (
            scorer.logits(weighed, tokens.counts, [code])[0, 4] for code in (NOT_SAID, 1)
        )
        found = explain(scorer, title, text, 5, 1)
        own = [part for part in found if part.field == "verified_purchase"]
        if own:  # a review without a known word has none: its answer is the base rates
            assert sum(part.contribution for part in found) == pytest.approx(yes)
            assert own[0].contribution == pytest.approx(yes - unsaid)
            seen += 1
    assert seen > 10
