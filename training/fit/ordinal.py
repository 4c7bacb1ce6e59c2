"""The `views` family: ordinal classifiers in each view, whose scores the nets stack.

Each view has four binary regressions [stars > k] on features scaled by how much they say
(NB-SVM, Wang and Manning 2012). Their out-of-fold scores train the nets, so the nets see what
they will see in service.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from training.config import ModelConfig, ViewsSettings
from training.features.tokens import FloatArray, IntArray
from training.fit.training_set import Examples, FittedClassifiers
from training.fit.vocabulary import Matrix, Vocabulary
from training.model.scorer import Classifiers, Float32Array
from training.progress import TrainingProgress

LEVELS = (1, 2, 3, 4)  # stars > k


def fit(
    vocabulary: Vocabulary, examples: Examples, config: ModelConfig, progress: TrainingProgress
) -> FittedClassifiers:
    """Fit the classifiers of every view, on all rows and once for each fold without it."""
    by_view, scores = {}, []
    for view, ngrams in vocabulary.chosen.items():
        matrix = vocabulary.matrices[view]
        c = getattr(config.views.spaces, view).c
        out_of_fold, weights, bias = _fit_view(matrix, examples, c, config.views, config.seed)
        by_view[view] = Classifiers(ngrams.astype(np.int32), vocabulary.idf[view], weights, bias)
        scores.append(out_of_fold)
        progress.log(f"classifiers of {view}: {matrix.shape[1]:,} n-grams")
    return FittedClassifiers(by_view, np.concatenate(scores, axis=1), vocabulary.counts)


def _fit_view(
    matrix: Matrix, examples: Examples, c: float, settings: ViewsSettings, seed: int
) -> tuple[FloatArray, Float32Array, Float32Array]:
    """(n, 4) out-of-fold scores, and (m, 4) weights and (4,) bias of a fit on all rows."""
    has_ngrams = np.diff(matrix.indptr) > 0  # (n,): a row without scores 0, see `scorer.Scorer`
    learned = (examples.row_weights > 0) & has_ngrams
    scores = np.zeros((matrix.shape[0], len(LEVELS)))
    for fold in np.unique(examples.folds):
        is_out = examples.folds == fold
        weights, bias = _fit_levels(matrix, examples, learned & ~is_out, c, settings, seed)
        out = is_out & has_ngrams
        scores[out] = matrix[out] @ weights.astype(np.float64) + bias
    return scores, *_fit_levels(matrix, examples, learned, c, settings, seed)


def _fit_levels(
    matrix: Matrix,
    examples: Examples,
    rows: NDArray[np.bool_],
    c: float,
    settings: ViewsSettings,
    seed: int,
) -> tuple[Float32Array, Float32Array]:
    """(m, 4) weights and (4,) bias of one classifier for each level, fitted on some rows."""
    x = matrix if rows.all() else matrix[rows]
    ratings, row_weights = examples.ratings[rows], examples.row_weights[rows]
    occurs = _rows_by_star(x, ratings)
    unscaled = x.data
    weights = np.zeros((x.shape[1], len(LEVELS)), np.float32)
    bias = np.zeros(len(LEVELS), np.float32)
    if not len(ratings):  # a fold that alone has such rows
        return weights, bias
    for i, level in enumerate(LEVELS):
        above = ratings > level
        if above.all() or not above.any():  # this level never occurs: as sure as the rows allow
            # Of all rows, not of these: the nets must see in service what they saw of each fold.
            bias[i] = np.log(len(examples.ratings) + 1.0) * (1 if above.all() else -1)
            continue
        scale = ratio_scale(occurs, level, settings)
        x.data = unscaled * scale[x.indices]
        classifier = LogisticRegression(
            C=c,
            solver="liblinear",
            dual=True,
            tol=settings.tolerance,
            max_iter=settings.iterations,
            random_state=seed,
        )
        with warnings.catch_warnings():  # it stops early on purpose: see `iterations`
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(x, above, sample_weight=row_weights)
        weights[:, i] = classifier.coef_[0] * scale  # scaled back: the scorer knows no scale
        bias[i] = classifier.intercept_[0]
    x.data = unscaled
    return weights, bias


def _rows_by_star(x: Matrix, ratings: IntArray) -> FloatArray:
    """(m, 5) rows of each star that hold an n-gram."""
    star = np.repeat(ratings - 1, np.diff(x.indptr))  # (nnz,) of the row of each cell
    cells = np.bincount(x.indices.astype(np.int64) * 5 + star, minlength=x.shape[1] * 5)
    return cells.reshape(-1, 5).astype(np.float64)


def ratio_scale(occurs: FloatArray, level: int, settings: ViewsSettings) -> FloatArray:
    """(m,) how much each n-gram says of [stars > level]; mean square 1 over occurrences."""
    total = occurs.sum(axis=1)  # (m,) rows with each n-gram, one more on either side below
    above = occurs[:, level:].sum(axis=1) + 1
    below = total - above + 2
    ratio = np.abs(np.log((above / above.sum()) / (below / below.sum())))
    scale: Any = (ratio + settings.ratio_floor) ** settings.ratio_power
    return np.asarray(scale / np.sqrt((scale * scale * total).sum() / max(total.sum(), 1)))
