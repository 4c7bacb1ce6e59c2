"""Every error of this project, grouped by what the caller can do about it.

Rooms derive their own from these; no code reads a message to decide. Messages name fields,
files and places, never a customer's words.

    ReviewStarsError
    ├── RequestError            the caller can mend what was sent
    │   └── TooLargeError
    ├── NotReadyError           the caller can try again later
    │   └── DeadlineError
    ├── ModelError              we must look into it: an alarm counts it
    │   └── ArtefactError
    │       └── SignatureError
    ├── ConfigurationError      a person must mend a setting
    └── SourceError             raw data, and what was made of it
        ├── UnreadableSourceError   trying again cannot help
        ├── DownloadError           trying again may help
        ├── PartialFailureError     some shards left no result
        └── CountMismatchError      rows went missing
"""


class ReviewStarsError(Exception):
    """The base of every error of this project."""


class RequestError(ReviewStarsError):
    """The caller can mend it. `pointer` is the JSON pointer of the field that is wrong."""

    def __init__(self, message: str, *, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class TooLargeError(RequestError):
    """More was sent than is accepted."""


class NotReadyError(ReviewStarsError):
    """Nothing is wrong with the request: the same one may be answered later."""


class DeadlineError(NotReadyError):
    """There was not enough time to answer."""


class ModelError(ReviewStarsError):
    """The model failed on a request that it should have answered."""


class ArtefactError(ModelError):
    """A model's folder is damaged, was changed, or is of a version that is not understood."""


class SignatureError(ArtefactError):
    """A model that nobody who is trusted has signed, or that is not the one that was signed."""


class ConfigurationError(ReviewStarsError):
    """A setting is missing or wrong; the message names it and, where there are few, the choices."""


class SourceError(ReviewStarsError):
    """Raw data, or what was made of it, is not as it must be."""


class UnreadableSourceError(SourceError):
    """A source that cannot be read, or not to its end. Trying again cannot help."""


class DownloadError(SourceError):
    """A download that did not come whole. Trying again may help."""


class PartialFailureError(SourceError):
    """Some shards of a source left no result. `shards` lists them."""

    def __init__(self, message: str, *, shards: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.shards = shards


class CountMismatchError(SourceError):
    """Rows read are not rows kept, duplicates and rejected rows together: some were lost."""
