"""Roles that a person or a function takes on for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from lambdas.ports.clients import client


@dataclass(frozen=True)
class Credentials:
    """Short-lived keys of a role."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: datetime | None = None  # with its zone


def assume_role(arn: str, session: str) -> Credentials:
    """Take on a role for an hour."""
    answer = client("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
    return Credentials(
        answer["AccessKeyId"],
        answer["SecretAccessKey"],
        answer["SessionToken"],
        answer["Expiration"],
    )
