"""What can stop a command, with the exit code that it leaves."""

from __future__ import annotations

from reviews.errors import ReviewStarsError


class OperateError(ReviewStarsError):
    """The command could not do what was asked; the message says what to do."""

    exit_code = 1


class InputError(OperateError):
    """What was given cannot be used: a missing file, an unknown stage, a bad argument."""

    exit_code = 2
