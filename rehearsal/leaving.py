"""The last scene: destroy, with what remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from lambdas.contract.names import STACKS
from lambdas.ports import stacks
from rehearsal.theatre import ADMINISTRATOR, Theatre, require


def destroy(theatre: Theatre) -> str:
    """Refused without the stage's name, done with it, and what stays is said."""
    label = theatre.stage.label
    if "destroy" in theatre.stage.protection.confirm:
        done = theatre.operate(ADMINISTRATOR, "destroy")
        require(done.code == 2, "destroy did not ask for the stage's name")
    with _neighbour(theatre):
        said = theatre.must(ADMINISTRATOR, "destroy", "--confirm", label)
    left = [part for part in STACKS if stacks.exists(theatre.place.name(part))]
    require(not left, f"these stacks are still there: {', '.join(left)}")
    kept = [line for line in said.splitlines() if line.startswith("kept: ")]
    return f"all stacks are gone; {len(kept)} resources stay: " + "; ".join(
        line.removeprefix("kept: ") for line in kept
    )


@contextmanager
def _neighbour(theatre: Theatre) -> Iterator[None]:
    """Another stage whose name begins with ours: its model must still be there afterwards."""
    sagemaker, name = boto3.client("sagemaker"), f"{theatre.stage.name()}-eu--1-abcdef-1"
    sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "neighbour:1"})
    yield
    found = sagemaker.list_models(NameContains=name)["Models"]
    require(bool(found), f"the sweep took {name} of another stage, whose name begins with ours")
    sagemaker.delete_model(ModelName=name)
