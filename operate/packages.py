"""The package that a person means: the version that was named, or the live one."""

from __future__ import annotations

from lambdas.contract import outputs
from lambdas.contract.live import NONE
from lambdas.ports import models, parameters
from operate.deployment import Deployment
from operate.errors import InputError


def find(deployment: Deployment, version: str = "") -> models.Package:
    """A package by its version; empty is the live one.

    Raises InputError where there is none.
    """
    if not version:
        live = parameters.read(deployment[outputs.LIVE_PARAMETER])
        if live == NONE:
            raise InputError("no model is live: name a version with VERSION=")
        return models.describe_package(live)
    for package in models.packages(deployment[outputs.MODEL_PACKAGE_GROUP]):
        if str(package.version) == version:
            return package
    raise InputError(f"{deployment[outputs.MODEL_PACKAGE_GROUP]} has no version {version}")
