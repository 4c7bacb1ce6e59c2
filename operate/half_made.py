"""Stacks whose first creation was rolled back: the next deploy deletes them, if it may.

The CDK switches termination protection on before it creates, so CloudFormation would refuse that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from lambdas.contract.names import STACKS
from lambdas.ports import clients, stacks
from lambdas.ports.failures import AWS_ERRORS
from lambdas.ports.roles import assume_role
from operate import environment
from operate.confirm import Log
from operate.place import Place

NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")  # nothing is in them that could be lost


def release(place: Place, log: Log = print) -> None:
    """Let the next deploy delete such stacks; nothing is lost, for nothing of them stands."""
    with _deploy_role(place):
        for name in map(place.name, STACKS):
            if stacks.status_if_there(name) in NEVER_MADE:
                stacks.lift_protection(name)
                log(f"{name} was never made: it may be deleted, and is made anew")


@contextmanager
def _deploy_role(place: Place) -> Iterator[None]:
    """Work as the CDK's role for deploys, which whoever deploys may assume; else as oneself."""
    stage, before = place.settings, dict(os.environ)
    name = f"cdk-hnb659fds-deploy-role-{stage.account}-{stage.region}"
    try:
        role = assume_role(f"arn:aws:iam::{stage.account}:role/{name}", session="operate")
    except AWS_ERRORS:
        yield
        return
    keys = {
        "AWS_ACCESS_KEY_ID": role.access_key_id,
        "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
        "AWS_SESSION_TOKEN": role.session_token,
    }
    environment.replace({**before, **keys})
    clients.forget()
    try:
        yield
    finally:
        environment.replace(before)
        clients.forget()
