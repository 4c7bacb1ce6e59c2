"""Stacks whose first creation was rolled back: the next deploy deletes them, if it may.

The CDK switches termination protection on before it creates, so CloudFormation would refuse that.
"""

from __future__ import annotations

from lambdas.contract.names import STACKS
from lambdas.ports import stacks
from operate.bootstrap import bootstrap_role
from operate.confirm import Log
from operate.place import Place

NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")  # nothing is in them that could be lost


def release(place: Place, log: Log = print) -> None:
    """Let the next deploy delete such stacks; nothing is lost, for nothing of them stands."""
    with bootstrap_role(place, "deploy"):
        for name in map(place.name, STACKS):
            if stacks.status_if_there(name) in NEVER_MADE:
                stacks.lift_protection(name)
                log(f"{name} was never made: it may be deleted, and is made anew")
