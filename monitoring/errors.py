"""What can go wrong here, grouped by what the caller can do."""

from reviews.errors import ReviewStarsError


class BaselineError(ReviewStarsError):
    """A baseline is damaged, of another format, or does not fit the window: look at the model."""


class ObservationsError(ReviewStarsError):
    """Observations that cannot be read or made into columns: the caller can mend them."""


class SettingsError(ReviewStarsError):
    """`configs/drift.yaml` holds an unknown key or a value out of its range."""
