"""Whether an account is ready for a deploy: prepared by the CDK, and nobody else deploys."""

from __future__ import annotations

from lambdas.contract.names import ENDPOINT_STACK, STACKS
from lambdas.ports import parameters, stacks
from operate.bootstrap import bootstrap_role
from operate.errors import InputError
from operate.place import Place

VERSION = "/cdk-bootstrap/hnb659fds/version"
MIN_VERSION = 6  # of the synthesizer: the rule CheckBootstrapVersion of each template
NEVER_BEGUN = "REVIEW_IN_PROGRESS"  # of a change set that nobody has executed: nothing is going on


def check_bootstrap(place: Place) -> None:
    """Raise InputError, with the command, where the account has no bootstrap, or an old one."""
    with bootstrap_role(place, "deploy"):
        found = parameters.find(VERSION)
    if found is not None and int(found) >= MIN_VERSION:
        return
    stage = place.settings
    where = f"account {stage.account}, region {stage.region}"
    lacks = (
        "is not prepared for the CDK"
        if found is None
        else f"has a bootstrap of version {found}, and {MIN_VERSION} is needed"
    )
    raise InputError(
        f"{where} {lacks}: an administrator runs, once, make bootstrap STAGE={place.stage}; "
        "nothing was deployed"
    )


def check_alone(place: Place) -> None:
    """Raise InputError where somebody deploys the same stage.

    The Endpoint stack is the release machine's too, and a deploy waits for it.
    """
    with bootstrap_role(place, "deploy"):
        for name in (place.name(part) for part in STACKS if part != ENDPOINT_STACK):
            now = stacks.status_if_there(name) or ""
            if now.endswith("_IN_PROGRESS") and now != NEVER_BEGUN:
                raise InputError(
                    f"stack {name} is {now}: another deploy of stage {place.stage} is going on; "
                    "wait for its end (make status), then deploy again; nothing was changed"
                )
