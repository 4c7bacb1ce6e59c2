"""What can go wrong here, grouped by what the caller can do."""

from reviews.errors import ArtefactError, SourceError


class BaselineError(ArtefactError):
    """A baseline is damaged, of another format, or does not fit the window: look at the model."""


class EvaluationError(ArtefactError):
    """What should be the evaluation of a model is none: look at the model's run."""


class ObservationsError(SourceError):
    """Observations that cannot be read or made into columns: the caller can mend them."""
