"""Reviews whose words and stars do not fit: what models that never saw them think of their stars.

Training rows are judged out of fold, as cross-validation does; the hold-out by the fit of all
others.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.audit.finding import Finding
from training.config import ModelConfig
from training.data import dataset
from training.data.dataset import Rows
from training.errors import DatasetError, TrainingError
from training.evaluation.metrics import CLASSES, DISTANCES
from training.evaluation.scoring import score
from training.features.tokens import FloatArray
from training.fit.choose_mode import load_training_set
from training.fit.training_set import TrainingSet
from training.model.decision import DecisionRule
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.train import fit_out_of_fold

DOUBTFUL = 0.02  # chance that the given stars are right within one, at most
ASKS = f"reviews whose stars have a chance of {DOUBTFUL:.0%} or less to be right within one"
NEAR = (DISTANCES <= 1).astype(np.float64)  # (5, 5)


def find_doubtful_stars(
    data: Path, config: ModelConfig, progress: TrainingProgress
) -> tuple[Finding, list[list[int]]]:
    """Rows whose stars are unlikely, within one, by their words; and a table of them.

    The value is that probability. table: (5, 5) doubtful rows, given by likeliest star.
    """
    detector = dataset.detector(data)
    try:
        with threadpool_limits(limits=1), load_training_set(data, config, progress) as training_set:
            rows, probabilities = _judge(training_set, config, detector, progress)
    except DatasetError:
        raise
    except (
        TrainingError
    ) as error:  # no model can come of these rows; the rest is found all the same
        return Finding(ASKS, not_looked_for=str(error)), [[0] * CLASSES] * CLASSES
    near = probabilities @ NEAR  # (n, 5) that the stars are k, within one
    is_unlikely = near <= DOUBTFUL
    value = near[np.arange(len(rows)), rows.rating - 1]
    chosen = np.flatnonzero(value <= DOUBTFUL)
    chosen = chosen[np.argsort(value[chosen], kind="stable")]
    table = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(table, (rows.rating[chosen] - 1, probabilities[chosen].argmax(axis=1)), 1)
    finding = Finding(
        f"{ASKS}; {len(rows):,} could be judged",
        rows.review_key[chosen],
        rows.rating[chosen].astype(np.int8),
        np.arange(len(chosen)),
        value[chosen],
        # Were the probabilities exactly right, so many sound rows would be among them.
        expected=float((probabilities * is_unlikely).sum()),
    )
    return finding, table.tolist()


def _judge(
    training_set: TrainingSet, config: ModelConfig, detector: str, progress: TrainingProgress
) -> tuple[Rows, FloatArray]:
    """Rows and (n, 5) probabilities, of the sample out of fold and of the hold-out."""
    fitted = training_set.fit(config.balance)
    nets, probabilities = fit_out_of_fold(fitted, training_set, config, config.balance)
    projection = training_set.fit_projection()
    parts = training_set.parts(fitted.by_view, nets, projection)
    about = {"languages": config.languages, "detector": detector}
    model = StarModel(parts, DecisionRule("argmax"), about)
    held_out = training_set.hold_out
    held_out = held_out.take(held_out.in_languages(config.languages))
    unseen: NDArray[np.float64] = score(model, held_out, progress.log).probabilities
    rows = dataset.join([training_set.sample, held_out])
    return rows, np.concatenate((probabilities, unseen))
