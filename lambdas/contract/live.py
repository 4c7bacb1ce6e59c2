"""The live record: the ARN of the package that answers, or that none does."""

from __future__ import annotations

NONE = "none"  # SSM stores no empty value


def version(package_arn: str) -> str:
    """The version at the end of a package's ARN."""
    return package_arn.rsplit("/", 1)[-1]
