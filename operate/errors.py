"""What can stop a command, with the exit status that it leaves."""

from __future__ import annotations

import os

from lambdas.ports import failures
from reviews.errors import ReviewStarsError


class OperateError(ReviewStarsError):
    """The command could not do what was asked; the message says what to do."""

    exit_status = 1


class InputError(OperateError):
    """What was given cannot be used: a missing file, an unknown stage, a bad argument."""

    exit_status = 2


def describe(error: BaseException) -> str:
    """One sentence of what went wrong, whoever raised it."""
    if isinstance(error, failures.AWS_ERRORS):
        return failures.reason(error)
    if isinstance(error, OSError) and error.strerror:
        where = f": {os.fsdecode(error.filename)}" if error.filename else ""
        return f"{error.strerror}{where}"
    return str(error) or type(error).__name__
