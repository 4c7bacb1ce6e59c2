"""What every capability of a stage stands on."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_kms as kms

from infra.packaging.packages import Packages
from infra.stage import Stage


@dataclass(frozen=True, kw_only=True)
class AlertTopic:
    """The topic of all alerts, by its ARN, and the key that encrypts it."""

    arn: str
    key: kms.IKey


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A stage, the code of its functions, and where its alerts go."""

    stage: Stage
    packages: Packages
    alerts: AlertTopic
