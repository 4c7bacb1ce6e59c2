"""The scorer against scikit-learn, and its explanations against the scorer."""

import numpy as np
import pytest

from training.evaluation import reference
from training.features.tokens import tokenise
from training.model.explain import explain
from training.model.scorer import softmax, sum_segments


def test_it_equals_the_plain_pipeline(parts, reviews):
    fast = parts.scorer().probabilities(*reviews)
    assert np.abs(fast - reference.probabilities(parts, *reviews)).max() < 1e-9


def test_one_review_has_the_same_answer_in_any_company(model, reviews):
    titles, texts = reviews
    together = model.probabilities(titles * 3, texts * 3)[:100]
    alone = [model.probabilities([a], [b])[0] for a, b in zip(titles, texts, strict=True)]
    assert np.abs(together - alone).max() < 1e-12


def test_probabilities_are_probabilities(model, reviews):
    p = model.probabilities(*reviews)
    assert p.shape == (100, 5)
    assert p.min() > 0
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-12
    assert model.probabilities([], []).shape == (0, 5)


@pytest.mark.parametrize("i", range(0, 100, 9))
def test_an_explanation_sums_to_the_logit(parts, reviews, i):
    scorer = parts.scorer()
    title, text = reviews[0][i], reviews[1][i]
    tokens = tokenise([title], [text])
    logits = scorer.logits(scorer.weigh(scorer.count(tokens), 1), tokens.counts)[0]
    for stars in range(1, 6):
        parts_of = explain(scorer, title, text, stars)
        assert sum(c.contribution for c in parts_of) == pytest.approx(logits[stars - 1], abs=1e-9)


def test_the_constant_is_what_the_model_says_of_nothing_else(parts, reviews):
    """Found apart from the sum: biases, means and the net's own offsets, where it stands."""
    scorer = parts.scorer()
    title, text = reviews[0][4], reviews[1][4]
    tokens = tokenise([title], [text])
    weighed = scorer.weigh(scorer.count(tokens), 1)
    inputs = scorer.stack.inputs(scorer.scores(weighed, 1), tokens.counts)[0]
    constant = np.zeros(5)
    slopes = scorer.stack.slopes(inputs)
    for net in parts.stack.nets:
        alive = inputs @ net.inner + net.inner_bias > 0
        constant += ((alive * net.inner_bias) @ net.outer + net.outer_bias) / 2
    bias = scorer.bias * np.isin(np.arange(len(scorer.views)), weighed.segment)[:, None]
    start = np.concatenate((bias.ravel(), np.zeros(tokens.counts.shape[1])))
    constant += ((start - scorer.stack.mean) / scorer.stack.scale) @ slopes
    clipped = np.abs(inputs) >= scorer.stack.clip
    assert not clipped.any()
    found = [c for c in explain(scorer, title, text, 3) if c.field == "constant"]
    assert found[0].contribution == pytest.approx(constant[2], abs=1e-6)  # float32 offsets


def test_a_word_that_is_said_is_explained_by_its_words(model):
    fields = {(c.field, c.words) for c in model.explain("", "it is not good!")}
    assert ("text", "not good") in fields
    assert {w for f, w in fields if f == "text"} <= {"it", "is", "good", "not good", "!"}


def test_segments_without_parts_are_nought():
    sums = sum_segments(np.ones((3, 2)), np.array([1, 1, 3]), 5)
    assert sums.tolist() == [[0, 0], [2, 2], [0, 0], [1, 1], [0, 0]]
    assert sum_segments(np.ones((0, 2)), np.zeros(0, np.int64), 2).tolist() == [[0, 0], [0, 0]]


def test_softmax_survives_large_logits():
    assert softmax(np.array([[1e4, 0, 0, 0, -1e4]])).tolist() == [[1, 0, 0, 0, 0]]


def test_a_view_without_n_grams_scores_nought(parts):
    scorer = parts.scorer()
    tokens = tokenise([""], ["good"])
    scores = scorer.scores(scorer.weigh(scorer.count(tokens), 1), 1).reshape(len(scorer.views), -1)
    title = scorer.views.index("title")
    assert scores[title].tolist() == [0] * 4
    assert scorer.bias[title].any()
    assert scores[scorer.views.index("text")].any()
