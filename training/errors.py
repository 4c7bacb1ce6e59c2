"""What can go wrong while a model is made or asked, grouped by what the caller can do."""

from reviews.errors import (
    ArtefactError,
    ConfigurationError,
    RequestError,
    ReviewStarsError,
    UnreadableSourceError,
)

__all__ = [
    "AddressError",
    "ArtefactError",
    "ConfigurationError",
    "DatasetError",
    "OutputError",
    "RequestError",
    "TrainingError",
    "UnreadableSourceError",
]


class TrainingError(ReviewStarsError):
    """No model can come of these rows or settings: mend them; trying again cannot help."""


class DatasetError(TrainingError):
    """Curated data that cannot be read, or is not as the data dictionary says."""


class AddressError(ReviewStarsError):
    """An address that cannot be listened on: free it, or name another."""


class OutputError(ReviewStarsError):
    """An output that cannot be written: mend the place, then go on. `cause`: the system's error."""

    def __init__(self, path: object, cause: OSError, remedy: str) -> None:
        self.cause = cause
        reason = cause.strerror or type(cause).__name__
        super().__init__(f"{path} cannot be written: {reason}; {remedy}")
