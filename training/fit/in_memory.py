"""A training set whose rows are all in memory, over the n-grams that occur often enough."""

from pathlib import Path

from training.config import Balance, ModelConfig, Space
from training.data import dataset
from training.features.tokens import FloatArray
from training.features.views import BOTH, VIEWS
from training.fit import multinomial, ordinal, row_counts
from training.fit.balance import row_weights
from training.fit.projection import fit_projection
from training.fit.training_set import FittedClassifiers, TrainingSet
from training.fit.vocabulary import build
from training.model.artefact import ModelParts
from training.model.scorer import Classifiers, Float32Array, Stack
from training.model.topics import Projection
from training.progress import TrainingProgress


class InMemoryTrainingSet(TrainingSet):
    """Every row at once. The sample is all rows that may be learned from."""

    mode = "memory"

    def __init__(self, data: Path, config: ModelConfig, progress: TrainingProgress) -> None:
        """Raises TrainingError where no model can come of the rows."""
        super().__init__(config, progress)
        rows = dataset.read(data)
        self.row_counts = row_counts.count_rows([rows], config)
        row_counts.check(self.row_counts, config)
        self.sample = row_counts.training_rows(rows, config)
        self.hold_out = rows.take(rows.held_out)
        progress.log(
            f"{len(rows):,} reviews: {len(self.sample):,} to learn from, "
            f"{len(self.hold_out):,} held out"
        )
        self.vocabulary = build(self.sample, _spaces(config), config.views.edge_tokens)
        self.views = tuple(self.vocabulary.chosen)
        progress.log(f"vocabulary: {len(self.vocabulary.ngrams):,} n-grams")

    def weigh(self, balance: Balance) -> FloatArray:
        """(n,) weights of the rows under one way of balancing."""
        return row_weights(self.sample.rating, self.sample.review_key, balance)

    def fit(self, balance: Balance) -> FittedClassifiers:
        """Fit the family's classifiers, on all rows and once for each fold without it."""
        fit_family = multinomial.fit if self.config.family == "plain" else ordinal.fit
        return fit_family(self.vocabulary, self.examples(balance), self.config, self.progress)

    def fit_projection(self) -> Projection:
        """Fit the topics over the first view, which is the text wherever texts have n-grams."""
        view = self.views[0]
        matrix, ngrams = self.vocabulary.matrices[view], self.vocabulary.chosen[view]
        return fit_projection(matrix, ngrams, self.config.topics, self.config.seed)

    def parts(
        self,
        classifiers: dict[str, Classifiers],
        stack: Stack | None,
        projection: Projection,
        verified_weights: Float32Array | None = None,
    ) -> ModelParts:
        """What a model of these rows computes with."""
        return ModelParts(
            self.vocabulary.ngrams,
            0,
            classifiers,
            stack,
            projection,
            self.config.views.edge_tokens,
            self.base_rates,
            reads_verified=self.reads_verified,
            verified_weights=verified_weights,
        )


def _spaces(config: ModelConfig) -> dict[str, Space]:
    if config.family == "plain":
        return dict.fromkeys(BOTH, config.plain.space)
    return {view: getattr(config.views.spaces, view) for view in VIEWS}
