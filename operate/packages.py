"""The package that a person means: the version that was named, the live one, a pending one."""

from __future__ import annotations

from lambdas.contract import outputs
from lambdas.contract.live import NONE, version
from lambdas.contract.packages import PENDING, SIGNING_KEY
from lambdas.ports import models, parameters
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from reviews.signature import SHORT


def find(deployment: Deployment, wanted: str = "") -> models.Package:
    """A package by its version; empty is the live one.

    Raises InputError, with the versions that there are, where there is none.
    """
    if not wanted:
        live = parameters.read(deployment[outputs.LIVE_PARAMETER])
        if live == NONE:
            raise InputError("no model is live: name a version with VERSION=")
        return models.describe_package(live)
    found = models.packages(deployment[outputs.MODEL_PACKAGE_GROUP])
    for package in found:
        if str(package.version) == wanted:
            return package
    raise _absent(deployment, f"version {wanted}", found)


def pending(deployment: Deployment) -> models.Package:
    """The newest package that waits for a person's approval.

    Raises InputError, with the versions that there are, where none waits.
    """
    found = models.packages(deployment[outputs.MODEL_PACKAGE_GROUP])
    for package in found:
        if package.approval == PENDING:
            return package
    raise _absent(deployment, "version that is pending", found)


class Pointers(dict[str, str]):
    """The metadata of a package; one that is missing is said, with what brings it."""

    def __init__(self, package: models.Package) -> None:
        super().__init__(package.metadata)
        self.version = package.version

    def __missing__(self, key: str) -> str:
        raise OperateError(
            f"version {self.version} has no {key} in its metadata: the run that made it has not "
            "come to its end, or the package was made by hand"
        )


def describe(package_arn: str) -> str:
    """A package, or the live record, as people name it."""
    return "no model" if package_arn in ("", NONE) else f"version {version(package_arn)}"


def signer(package: models.Package) -> str:
    """Whose signature a package came with, in short, as refusals name the key."""
    key = package.metadata.get(SIGNING_KEY, "")
    return f"signed by key {key[:SHORT]}" if key else "signed by nobody"


def _absent(deployment: Deployment, wanted: str, found: list[models.Package]) -> InputError:
    known = ", ".join(f"{package.version} ({package.approval})" for package in found) or "none"
    return InputError(
        f"{deployment[outputs.MODEL_PACKAGE_GROUP]} has no {wanted}: known are {known}"
    )
