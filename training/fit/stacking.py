"""Small nets over the classifiers' out-of-fold scores: Adam, cross-entropy, one hidden layer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.config import StackingSettings
from training.features.tokens import FloatArray, IntArray
from training.fit.training_set import Examples, FittedClassifiers
from training.model.scorer import Float32Array, Net, Stack, softmax

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba (2015)
MIN_SCALE = 1e-6  # a spread below it is rounding: log-counts and scores vary by far more
# An input that never varies taught the nets nothing, so it must not move them in service either
# (rows without titles, a review with one): divided by so much, it stays near 0.
CONSTANT_SCALE = 1e6


def fit_nets(
    fitted: FittedClassifiers, examples: Examples, settings: StackingSettings, seed: int
) -> tuple[Stack, FloatArray]:
    """Fit the nets on all rows, and once for each fold without it.

    Returns the nets of all rows and (n, 5) probabilities, each from classifiers and nets that did
    not see its fold.
    """

    def fit_on(rows: NDArray[np.bool_]) -> Stack:
        weights = examples.row_weights[rows]
        return fit_stack(
            fitted.scores[rows],
            fitted.counts[rows],
            None if examples.learned_flags is None else examples.learned_flags[rows],
            examples.ratings[rows],
            settings,
            seed=seed,
            row_weights=weights / weights.mean(),
        )

    learned = examples.row_weights > 0
    probabilities = np.zeros((len(fitted.scores), 5))
    for fold in np.unique(examples.folds):
        out = examples.folds == fold
        stack = fit_on(learned & ~out)
        counts = fitted.counts[out]
        if examples.said is not None:
            counts = np.concatenate((counts, examples.said[out]), axis=1)
        inputs = stack.inputs(fitted.scores[out], counts)
        probabilities[out] = softmax(stack.logits(inputs))
    return fit_on(learned), probabilities


def fit_stack(
    scores: FloatArray,
    counts: FloatArray,
    said: FloatArray | None,
    ratings: IntArray,
    settings: StackingSettings,
    *,
    seed: int,
    row_weights: FloatArray,
) -> Stack:
    """Fit the nets. scores: (n, s) out of fold. counts: (n, c).

    said: (n, 2) flags, or None. row_weights: (n,), mean 1.
    """
    inputs = np.concatenate((scores, counts), axis=1)  # (n, i) with i = s + c
    mean = inputs.mean(axis=0).astype(np.float32)
    spread = inputs.std(axis=0)
    scale = np.where(spread > MIN_SCALE, spread + MIN_SCALE, CONSTANT_SCALE).astype(np.float32)
    if said is not None:
        # As they are: few rows may say it, and a rare value must not be clipped.
        counts = np.concatenate((counts, said), axis=1)
        mean = np.concatenate((mean, np.zeros(said.shape[1], np.float32)))
        scale = np.concatenate((scale, np.ones(said.shape[1], np.float32)))
    stack = Stack(mean, scale, settings.clip, ())
    x = stack.inputs(scores, counts).astype(np.float32)
    nets = tuple(
        fit_net(x, ratings - 1, row_weights.astype(np.float32), settings, seed + i)
        for i in range(settings.nets)
    )
    return Stack(mean, scale, settings.clip, nets)


def fit_net(
    x: Float32Array,
    classes: IntArray,
    row_weights: Float32Array,
    settings: StackingSettings,
    seed: int,
) -> Net:
    """Fit one net on standardised inputs (n, i) and classes 0 to 4."""
    random = np.random.default_rng(seed)
    parameters = _start(random, x.shape[1], settings.hidden)
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    targets = np.eye(5, dtype=np.float32)[classes]  # (n, 5)
    steps = settings.epochs * -(-len(x) // settings.batch_rows)
    step = 0
    for _ in range(settings.epochs):
        order = random.permutation(len(x))
        for begin in range(0, len(x), settings.batch_rows):
            rows = order[begin : begin + settings.batch_rows]
            gradients = _gradients(parameters, x[rows], targets[rows], row_weights[rows])
            step += 1
            # The full rate for the first half of all steps, then down to 0 in a straight line.
            rate = settings.learning_rate * min(1.0, 2.0 * (1.0 - step / (steps + 1)))
            rate *= np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
            for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
                if p.ndim == 2:
                    g += settings.decay * p / len(rows)  # as scikit-learn's alpha
                m += (1 - BETA_1) * (g - m)
                v += (1 - BETA_2) * (g * g - v)
                p -= np.float32(rate) * m / (np.sqrt(v) + EPSILON)
    inner, inner_bias, outer, outer_bias = parameters
    # The mean of the logits means nothing: taken out, so that a logit can be explained.
    return Net(
        inner,
        inner_bias,
        outer - outer.mean(axis=1, keepdims=True),
        outer_bias - outer_bias.mean(),
    )


def _start(random: np.random.Generator, width: int, hidden: int) -> list[Float32Array]:
    """Uniform weights after Glorot and Bengio (2010), biases at 0."""

    def layer(rows: int, columns: int) -> Float32Array:
        bound = np.sqrt(6.0 / (rows + columns))
        return random.uniform(-bound, bound, (rows, columns)).astype(np.float32)

    return [
        layer(width, hidden),
        np.zeros(hidden, np.float32),
        layer(hidden, 5),
        np.zeros(5, np.float32),
    ]


def _gradients(
    parameters: Sequence[Float32Array],
    x: Float32Array,
    targets: Float32Array,
    row_weights: Float32Array,
) -> list[Float32Array]:
    """Gradients of the mean cross-entropy over b rows, one for each parameter."""
    inner, inner_bias, outer, outer_bias = parameters
    hidden = np.maximum(x @ inner + inner_bias, 0)  # (b, hidden)
    z = hidden @ outer + outer_bias  # (b, 5)
    p: NDArray[np.float32] = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    error = (p - targets) * (row_weights / np.float32(len(x)))[:, None]  # (b, 5)
    back = (error @ outer.T) * (hidden > 0)  # (b, hidden)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]
