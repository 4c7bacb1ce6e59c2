"""What there is to learn from, and how a model is fitted to it, wherever the rows are.

`training.fit.choose_mode` decides between the two implementations: rows in memory, or on disk.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from reviews.verified import NOT_SAID
from training.config import Balance, ModelConfig
from training.data.dataset import Rows
from training.features.tokens import FloatArray, IntArray
from training.features.verified import flags, hide_some
from training.features.views import BOTH, VIEWS
from training.fit.row_counts import RowCounts
from training.model.artefact import ModelParts
from training.model.decision import star_shares
from training.model.scorer import Classifiers, Float32Array, Stack
from training.model.topics import Projection
from training.progress import TrainingProgress


@dataclass(frozen=True)
class Examples:
    """n rows as a family sees them.

    folds: (n,). row_weights: (n,), 0 for a row that is left out. said: (n, 2) see
    `features.verified`, None where no row says it. learned_flags: as said, some of them hidden.
    """

    ratings: IntArray
    folds: IntArray
    row_weights: FloatArray
    said: FloatArray | None = None
    learned_flags: FloatArray | None = None


@dataclass(frozen=True)
class FittedClassifiers:
    """The classifiers of each view, fitted on all rows.

    scores: (n, views * width) of the sample, each from fits that did not see its fold.
    counts: (n, c) of the sample, see tokens.COUNTS. verified_weights: (2, 5), `plain` alone.
    """

    by_view: dict[str, Classifiers]
    scores: FloatArray
    counts: FloatArray
    verified_weights: Float32Array | None = None


class TrainingSet(ABC):
    """Rows to learn from, with a vocabulary chosen from them.

    sample: rows whose out-of-fold answers train the nets and choose the decision rule.
    hold_out: rows for the baseline and the golden set. views: those that have n-grams.
    """

    mode: str
    row_counts: RowCounts
    sample: Rows
    hold_out: Rows
    views: tuple[str, ...]

    def __init__(self, config: ModelConfig, progress: TrainingProgress) -> None:
        self.config, self.progress = config, progress

    @property
    def views_left_out(self) -> tuple[str, ...]:
        """Views of the family that the rows have no n-grams for."""
        family = BOTH if self.config.family == "plain" else VIEWS
        return tuple(view for view in family if view not in self.views)

    @property
    def reads_verified(self) -> bool:
        """Whether any row of the sample says if its purchase was verified."""
        return bool((self.sample.verified_purchase != NOT_SAID).any())

    @property
    def base_rates(self) -> FloatArray:
        """(5,) shares of the stars among all rows that may be learned from."""
        return star_shares(self.row_counts.by_star)

    @abstractmethod
    def weigh(self, balance: Balance) -> FloatArray:
        """(n,) weights of the sample's rows under one way of balancing."""

    @abstractmethod
    def fit(self, balance: Balance) -> FittedClassifiers:
        """Fit the classifiers of every view, on all rows and once for each fold without it."""

    @abstractmethod
    def fit_projection(self) -> Projection:
        """Fit the topics that drift is judged by; no label takes part."""

    @abstractmethod
    def parts(
        self,
        classifiers: dict[str, Classifiers],
        stack: Stack | None,
        projection: Projection,
        verified_weights: Float32Array | None = None,
    ) -> ModelParts:
        """What a model of these rows computes with."""

    def examples(self, balance: Balance) -> Examples:
        """The sample, as the nets see it."""
        folds = self.sample.folds(self.config.folds)
        said = learned = None
        if self.reads_verified:
            said = flags(self.sample.verified_purchase, len(folds))
            learned = hide_some(said, self.sample.review_key)
        return Examples(self.sample.rating, folds, self.weigh(balance), said, learned)
