"""The `views` family: ordinal heads in each view, stacked by small nets.

Each view has four binary regressions [stars > k] on features scaled by how much they tell
(NB-SVM, Wang and Manning 2012). Their out-of-fold scores train the nets, so the nets see what
they will see in service. The nets are cross-fitted as well: no probability in `Fitted` comes
from a fit that saw its row.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from training.config import ModelConfig, Views
from training.features.tokens import FloatArray, IntArray
from training.fit.stacking import fit_stack
from training.fit.vocabulary import Matrix, Vocabulary
from training.model.scorer import Float32Array, Heads, Stack, softmax
from training.progress import Progress

LEVELS = (1, 2, 3, 4)  # stars > k


@dataclass(frozen=True)
class Fitted:
    """What a family makes of the training rows.

    probabilities: (n, 5) of the training rows, each from fits that did not see its fold.
    """

    heads: dict[str, Heads]
    stack: Stack | None
    probabilities: FloatArray


@dataclass(frozen=True)
class Examples:
    """What a family learns from. folds: (n,). row_weights: (n,), 0 for a row that is left out."""

    ratings: IntArray
    folds: IntArray
    row_weights: FloatArray


def fit(
    vocabulary: Vocabulary, examples: Examples, config: ModelConfig, progress: Progress
) -> Fitted:
    """Fit the heads of every view, and the nets over them."""
    heads, scores = {}, []
    for view in vocabulary.chosen:
        c = getattr(config.views.spaces, view).c
        matrix = vocabulary.matrices[view]
        out_of_fold, weights, bias = _fit_view(matrix, examples, c, config.views, config.seed)
        heads[view] = Heads(
            vocabulary.chosen[view].astype(np.int32), vocabulary.idf[view], weights, bias
        )
        scores.append(out_of_fold)
        progress.say(f"heads of {view}: {matrix.shape[1]:,} n-grams")
    return stack(heads, np.concatenate(scores, axis=1), vocabulary.counts, examples, config)


def stack(
    heads: dict[str, Heads],
    scores: FloatArray,
    counts: FloatArray,
    examples: Examples,
    config: ModelConfig,
) -> Fitted:
    """Fit the nets over out-of-fold scores (n, views * levels) and counts (n, c)."""

    def stack_on(rows: NDArray[np.bool_], seed: int, nets: int) -> Stack:
        settings = msgspec.structs.replace(config.stacking, nets=nets)
        weights = examples.row_weights[rows]
        return fit_stack(
            scores[rows],
            counts[rows],
            examples.ratings[rows],
            settings,
            seed=seed,
            row_weights=weights / weights.mean(),
        )

    learned = examples.row_weights > 0
    probabilities = np.zeros((len(scores), 5))
    for fold in np.unique(examples.folds):
        out = examples.folds == fold
        stack = stack_on(learned & ~out, config.seed, config.stacking.nets)
        inputs = stack.inputs(scores[out], counts[out])
        probabilities[out] = softmax(stack.logits(inputs))
    return Fitted(heads, stack_on(learned, config.seed, config.stacking.nets), probabilities)


def _fit_view(
    matrix: Matrix, examples: Examples, c: float, settings: Views, seed: int
) -> tuple[FloatArray, Float32Array, Float32Array]:
    """(n, 4) out-of-fold scores, and (m, 4) weights and (4,) bias of a fit on all rows."""
    learned = examples.row_weights > 0
    scores = np.zeros((matrix.shape[0], len(LEVELS)))
    for fold in np.unique(examples.folds):
        out = examples.folds == fold
        weights, bias = _fit_heads(matrix, examples, learned & ~out, c, settings, seed)
        scores[out] = matrix[out] @ weights.astype(np.float64) + bias
    return scores, *_fit_heads(matrix, examples, learned, c, settings, seed)


def _fit_heads(
    matrix: Matrix,
    examples: Examples,
    rows: NDArray[np.bool_],
    c: float,
    settings: Views,
    seed: int,
) -> tuple[Float32Array, Float32Array]:
    x = matrix if rows.all() else matrix[rows]
    ratings, row_weights = examples.ratings[rows], examples.row_weights[rows]
    occurs = _rows_by_star(x, ratings)
    plain = x.data
    weights = np.zeros((x.shape[1], len(LEVELS)), np.float32)
    bias = np.zeros(len(LEVELS), np.float32)
    for i, level in enumerate(LEVELS):
        above = ratings > level
        if above.all() or not above.any():  # this level never occurs: as sure as the rows allow
            bias[i] = np.log(len(ratings) + 1.0) * (1 if above.all() else -1)
            continue
        scale = _scale(occurs, level, settings)
        x.data = plain * scale[x.indices]
        head = LogisticRegression(
            C=c,
            solver="liblinear",
            dual=True,
            tol=settings.tolerance,
            max_iter=settings.iterations,
            random_state=seed,
        )
        with warnings.catch_warnings():  # it stops early on purpose: see `iterations`
            warnings.simplefilter("ignore", ConvergenceWarning)
            head.fit(x, above, sample_weight=row_weights)
        weights[:, i] = head.coef_[0] * scale
        bias[i] = head.intercept_[0]
    x.data = plain
    return weights, bias


def _rows_by_star(x: Matrix, ratings: IntArray) -> FloatArray:
    """(m, 5) rows of each star that hold an n-gram."""
    row = np.repeat(ratings - 1, np.diff(x.indptr))
    cells = np.bincount(x.indices.astype(np.int64) * 5 + row, minlength=x.shape[1] * 5)
    return cells.reshape(-1, 5).astype(np.float64)


def _scale(occurs: FloatArray, level: int, settings: Views) -> FloatArray:
    """(m,) how much each n-gram tells of [stars > level]; mean square 1 over occurrences."""
    total = occurs.sum(axis=1)
    above = occurs[:, level:].sum(axis=1) + 1
    below = total - above + 2
    ratio = np.abs(np.log((above / above.sum()) / (below / below.sum())))
    scale: Any = (ratio + settings.ratio_floor) ** settings.ratio_power
    return np.asarray(scale / np.sqrt((scale * scale * total).sum() / max(total.sum(), 1)))
