"""Which package answers: the live record's, and that of the container which gave an answer.

During a release they differ: two variants answer, and the record names one of them.
"""

from __future__ import annotations

NONE = "none"  # SSM stores no empty value
CONTAINER_VERSION = "MODEL_VERSION"  # the variable that tells a container which package it is
PACKAGE = ":model-package/"  # in the ARN of each


def version(package_arn: str) -> str:
    """The version at the end of a package's ARN."""
    return package_arn.rsplit("/", 1)[-1]
