"""Who calls: the account and the principal behind this process's credentials."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.ports.clients import client


@dataclass(frozen=True)
class CallerIdentity:
    """An account and a principal of it."""

    account: str
    arn: str


def caller() -> CallerIdentity:
    """Ask AWS whose credentials these are; every principal may."""
    answer = client("sts").get_caller_identity()
    return CallerIdentity(answer["Account"], answer["Arn"])
