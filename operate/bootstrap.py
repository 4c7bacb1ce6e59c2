"""The roles of the CDK's bootstrap, taken for a moment: who deploys may assume them and no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from lambdas.ports import clients
from lambdas.ports.failures import AWS_ERRORS
from lambdas.ports.roles import assume_role
from operate import environment
from operate.place import Place


@contextmanager
def bootstrap_role(place: Place, role: Literal["deploy", "lookup"]) -> Iterator[None]:
    """Work as one of the CDK's roles: `lookup` reads the whole account; else as oneself."""
    stage, before = place.settings, dict(os.environ)
    name = f"cdk-hnb659fds-{role}-role-{stage.account}-{stage.region}"
    try:
        taken = assume_role(f"arn:aws:iam::{stage.account}:role/{name}", session="operate")
    except AWS_ERRORS:
        yield
        return
    keys = {
        "AWS_ACCESS_KEY_ID": taken.access_key_id,
        "AWS_SECRET_ACCESS_KEY": taken.secret_access_key,
        "AWS_SESSION_TOKEN": taken.session_token,
    }
    environment.replace({**before, **keys})
    clients.forget()
    try:
        yield
    finally:
        environment.replace(before)
        clients.forget()
