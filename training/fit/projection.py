"""The topics that drift is judged by: an SVD of the TF-IDF of a sample of rows."""

from typing import Any

import numpy as np
from sklearn.utils.extmath import randomized_svd

from training.config import TopicsSettings
from training.features.tokens import IntArray
from training.model.topics import Projection

OVERSAMPLES, POWER_ITERATIONS = 10, 2  # of Halko et al. (2011): ample for drift, under a second


def fit_projection(
    matrix: Any, ngrams: IntArray, settings: TopicsSettings, seed: int
) -> Projection:
    """Decompose the TF-IDF of a sample of rows over their commonest n-grams.

    matrix: (n, m) of the first view, rows in random order. ngrams: (m,) ascending, its columns.
    """
    rows = np.bincount(matrix.indices, minlength=matrix.shape[1])  # (m,) rows with each n-gram
    columns = np.sort(np.argsort(-rows, kind="stable")[: settings.ngrams])
    columns = columns[rows[columns] > 0]  # (t,)
    sample = matrix[: settings.rows, columns].astype(np.float32)
    d = min(settings.coordinates, *sample.shape)
    weights = np.zeros((len(columns), settings.coordinates), np.float16)  # (t, coordinates)
    components = randomized_svd(
        sample, d, n_oversamples=OVERSAMPLES, n_iter=POWER_ITERATIONS, random_state=seed
    )[2]  # (d, t)
    weights[:, :d] = components.T
    return Projection(ngrams[columns].astype(np.int32), weights.astype(np.float32))
