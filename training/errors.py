"""What can go wrong while a model is made, grouped by what the caller can do."""

from reviews.errors import (
    ArtefactError,
    ConfigurationError,
    RequestError,
    ReviewStarsError,
    UnreadableSourceError,
)

__all__ = [
    "ArtefactError",
    "ConfigurationError",
    "DatasetError",
    "RequestError",
    "TrainingError",
    "UnreadableSourceError",
]


class TrainingError(ReviewStarsError):
    """No model can come of these rows or settings: mend them; trying again cannot help."""


class DatasetError(TrainingError):
    """Curated data that cannot be read, or is not as the data dictionary says."""
