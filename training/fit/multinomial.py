"""The `plain` family: one multinomial regression over title and text together.

What most such systems have, for comparison. Its scores are the logits: there are no nets.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from training.config import ModelConfig
from training.features.views import BOTH
from training.fit.training_set import Examples, FittedClassifiers
from training.fit.vocabulary import Matrix, Vocabulary
from training.model.scorer import Classifiers, Float32Array
from training.progress import TrainingProgress


def fit(
    vocabulary: Vocabulary, examples: Examples, config: ModelConfig, progress: TrainingProgress
) -> FittedClassifiers:
    """Fit on all rows, and once for each fold without it."""
    view = BOTH[0]
    matrix = vocabulary.matrices[view].astype(np.float32)
    asked = matrix
    if (
        examples.said is not None and examples.learned_flags is not None
    ):  # two columns more, some of them hidden while learning
        asked = hstack((matrix, csr_matrix(examples.said, dtype=np.float32)), format="csr")
        matrix = hstack(
            (matrix, csr_matrix(examples.learned_flags, dtype=np.float32)), format="csr"
        )
    learned = examples.row_weights > 0
    scores = np.zeros((len(examples.ratings), 5))
    for fold in np.unique(examples.folds):
        out = examples.folds == fold
        weights, bias = _fit(matrix, examples, learned & ~out, config)
        scores[out] = asked[out] @ weights.astype(np.float64) + bias
        progress.log(f"fold {fold + 1} of {config.folds}")
    weights, bias = _fit(matrix, examples, learned, config)
    progress.log(f"regression: {matrix.shape[1]:,} n-grams")
    ngrams = vocabulary.chosen[view].astype(np.int32)
    m = len(ngrams)
    verified = weights[m:] if examples.said is not None else None
    classifiers = Classifiers(ngrams, vocabulary.idf[view], weights[:m], bias)
    return FittedClassifiers({view: classifiers}, scores, vocabulary.counts, verified)


def _fit(
    matrix: Matrix, examples: Examples, rows: NDArray[np.bool_], config: ModelConfig
) -> tuple[Float32Array, Float32Array]:
    """(m, 5) weights and (5,) bias, each of mean 0 over the stars."""
    model = LogisticRegression(C=config.plain.space.c, max_iter=config.plain.iterations)
    with warnings.catch_warnings():  # `iterations` bounds the time: use what is there by then
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix[rows], examples.ratings[rows], examples.row_weights[rows])
    coefficients, intercepts, stars = model.coef_, model.intercept_, model.classes_
    if len(stars) == 2:  # scikit-learn then gives the second star's logit alone
        coefficients = np.concatenate((-coefficients, coefficients)) / 2
        intercepts = np.concatenate((-intercepts, intercepts)) / 2
    weights = np.zeros((matrix.shape[1], 5))
    bias = np.full(5, intercepts.min() - np.log(rows.sum() + 1.0))  # a star that never occurs
    weights[:, stars - 1] = coefficients.T
    bias[stars - 1] = intercepts
    weights -= weights.mean(axis=1, keepdims=True)
    return weights.astype(np.float32), (bias - bias.mean()).astype(np.float32)
