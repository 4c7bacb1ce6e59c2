"""Classifiers that learn from a stream, against the same arithmetic written plainly."""

import copy
import dataclasses

import msgspec
import numpy as np
import pytest

from training import config
from training.data.dataset import Rows
from training.evaluation import reference
from training.features.tokens import keys_of
from training.features.views import VIEWS, HashBuckets
from training.fit.adagrad import FIRST_SQUARES, Learner, rate_scale
from training.fit.hashed_features import HashedFeatures
from training.fit.ordinal import LEVELS, ratio_scale
from training.model.artefact import ModelParts
from training.model.scorer import softmax
from training.model.topics import Projection

BITS = 10
SIZE = 1 << BITS
FOLDS = 3
WORDS = ["good", "bad", "it", "is", "not", "very", "battery", "!", "."]


def make_rows(n: int, seed: int) -> Rows:
    random = np.random.default_rng(seed)

    def words(most: int) -> str:
        return " ".join(random.choice(WORDS, int(random.integers(1, most))))

    return Rows(
        rating=random.integers(1, 6, n),
        title=[words(4) for _ in range(n)],
        text=[words(30) for _ in range(n)],
        verified_purchase=np.zeros(n, np.int8),
        language=np.full(n, "en", "U8"),
        markup=np.zeros(n, bool),
        bucket=random.integers(20, 100, n),
        review_key=random.integers(0, 2**64, n, np.uint64),
    )


@pytest.fixture
def learner() -> Learner:
    settings = msgspec.structs.replace(config.load(), folds=FOLDS)
    random = np.random.default_rng(5)
    chosen = {}
    for view in VIEWS:
        buckets = np.flatnonzero(random.random(SIZE) < 0.6)
        chosen[view] = buckets, (1 + random.random(len(buckets))).astype(np.float32)
    lookup = HashBuckets(BITS, np.full(SIZE // 8, 255, np.uint8))
    features = HashedFeatures(lookup, SIZE, chosen, settings.views.edge_tokens)
    scale = (0.5 + random.random((features.ends[-1], 4 * (1 + FOLDS)))).astype(np.float16)
    return Learner(features, settings, np.array([10.0, 5, 5, 10, 30]), scale)


def learn(learner: Learner, rows: Rows, weights) -> None:
    learner.learn(learner.features.count(rows).matrix, rows, weights)


def test_a_step_is_adagrad_on_the_log_loss(learner: Learner):
    rows, weights = make_rows(20, 0), np.linspace(0, 2, 20)
    x = learner.features.count(rows).matrix.toarray().reshape(len(VIEWS), 20, -1)
    bias = learner.bias.copy()
    learn(learner, rows, weights)
    above = rows.rating[:, None] > np.arange(1, 5)
    folds = rows.folds(FOLDS)
    for view in range(len(VIEWS)):
        columns = slice(learner.ends[view], learner.ends[view + 1])
        p = 1 / (1 + np.exp(-bias[view, :4]))  # no weight is there yet
        whole = (p - above) * weights[:, None]
        for model in range(1 + FOLDS):
            error = whole * (folds != model - 1)[:, None]
            slope = (x[view].T @ error)[columns]
            expected = -0.5 / np.sqrt(FIRST_SQUARES + slope**2) * slope
            expected *= learner.scale[columns, 4 * model : 4 * model + 4]
            found = learner.weights[columns, 4 * model : 4 * model + 4]
            assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("fold", range(FOLDS))
def test_the_stars_of_a_fold_change_nothing_that_answers_for_it(learner: Learner, fold: int):
    other = copy.deepcopy(learner)
    for step in range(4):
        rows, weights = make_rows(30, step), np.ones(30)
        own = rows.folds(FOLDS) == fold
        assert own.any()
        learn(learner, rows, weights)
        learn(
            other,
            dataclasses.replace(rows, rating=np.where(own, 6 - rows.rating, rows.rating)),
            weights,
        )
    columns = slice(4 * (1 + fold), 4 * (2 + fold))
    assert (learner.weights[:, columns] == other.weights[:, columns]).all()
    assert (learner.bias[:, columns] == other.bias[:, columns]).all()
    assert (learner.weights[:, :4] != other.weights[:, :4]).any()


def test_rates_follow_the_rows_that_a_column_may_learn_from():
    occurs = np.random.default_rng(3).integers(0, 9, (7, FOLDS, 5)).astype(np.int32)
    settings = config.load().views
    found = rate_scale(occurs, [0, 4, 7], settings)
    others = occurs.copy()
    others[:, 1] += 5  # rows of the second fold alone
    changed = rate_scale(others, [0, 4, 7], settings) != found
    assert changed[:, :4].any()
    assert not changed[:, 4 * 2 : 4 * 3].any()  # never saw that fold
    for view in (slice(0, 4), slice(4, 7)):
        for i, level in enumerate(LEVELS):
            expected = ratio_scale(occurs[view].sum(axis=1).astype(float), level, settings)
            assert found[view, i] == pytest.approx(expected, rel=1e-3)  # float16


def test_no_row_reaches_the_classifiers_that_leave_its_fold_out(learner: Learner):
    rows = make_rows(64, 1)
    only = rows.take(rows.folds(FOLDS) == 1)
    before = learner.weights.copy()
    for _ in range(3):
        learn(learner, only, np.ones(len(only)))
    left_out = slice(4 * 2, 4 * 3)
    assert (learner.weights[:, left_out] == before[:, left_out]).all()
    assert (learner.weights[:, :4] != before[:, :4]).any()
    assert (learner.bias[:, left_out] == learner.bias[0, left_out]).all()


def test_a_row_without_weight_moves_nothing(learner: Learner):
    learn(learner, make_rows(30, 2), np.zeros(30))
    assert not learner.weights.any()


def test_the_classifiers_score_as_the_scorer_and_the_plain_pipeline_do(learner: Learner):
    for seed in range(5):
        learn(learner, make_rows(64, seed), np.ones(64))
    classifiers, rows = learner.classifiers(), make_rows(40, 9)
    nothing = Projection(np.zeros(0, np.int32), np.zeros((0, 2), np.float32))
    seen, rates = np.full(SIZE // 8, 255, np.uint8), np.full(5, 0.2)
    parts = ModelParts([], BITS, classifiers, None, nothing, 40, rates, seen)
    batch, v = learner.features.count(rows), len(VIEWS)
    own = (batch.matrix @ learner.weights[:, :4]).reshape(v, 40, 4) + learner.bias[:, None, :4]
    scorer = parts.scorer()
    scores = scorer.scores(batch_of(scorer, rows), 40)
    assert scores == pytest.approx(own.transpose(1, 0, 2).reshape(40, 4 * v), abs=1e-4)
    alone = ModelParts([], BITS, {"text": classifiers["text"]}, None, nothing, 40, rates[:4], seen)
    slow = reference.probabilities(alone, ["it"] * 40, rows.text)  # a known word in each
    assert softmax(scores[:, :4]) == pytest.approx(slow, abs=1e-6)


def batch_of(scorer, rows: Rows):
    from training.features.tokens import tokenise

    return scorer.weigh(scorer.count(tokenise(rows.title, rows.text)), len(rows))


def test_tokens_never_learned_are_unknown_though_all_have_a_bucket():
    seen = np.zeros(SIZE, np.uint8)
    bare = HashBuckets(BITS, np.zeros(SIZE // 8, np.uint8))
    seen[bare.find(keys_of(["good"]))] = 1
    buckets = HashBuckets(BITS, np.packbits(seen))
    number = buckets.find(keys_of(["good", "bad"]))
    assert buckets.unknown(number).tolist() == [False, True]
