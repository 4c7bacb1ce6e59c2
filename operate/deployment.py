"""A deployed stage, known by the outputs of its stacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lambdas.contract.names import STACKS
from lambdas.ports import stacks
from operate.errors import InputError, OperateError
from operate.place import Place


@dataclass(frozen=True)
class Deployment:
    """The outputs of a stage's stacks, by key."""

    place: Place
    outputs: dict[str, str]

    def __getitem__(self, key: str) -> str:
        if key not in self.outputs:
            raise OperateError(
                f"stage {self.place.stage} has no output {key}: deploy it first "
                f"(make deploy STAGE={self.place.stage})"
            )
        return self.outputs[key]

    def get(self, key: str) -> str:
        """The output, or empty where the stage has none."""
        return self.outputs.get(key, "")


def outputs_file(place: Place) -> Path:
    """Where `make deploy` has the CDK CLI write the outputs of the stacks."""
    return place.home / "outputs" / f"{place.stage}.json"


def read_file(place: Place, file: Path) -> Deployment:
    """The outputs as the last deploy from this checkout has written them, for who may not ask.

    Raises InputError where there is no such file.
    """
    try:
        stacks = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"there is no {file}: it is written by make deploy STAGE={place.stage}"
        ) from None
    return Deployment(
        place, {key: text for stack in stacks.values() for key, text in stack.items()}
    )


def read(place: Place) -> Deployment:
    """Read the outputs of every stack of the stage."""
    outputs: dict[str, str] = {}
    for part in STACKS:
        outputs |= stacks.outputs(place.name(part))
    return Deployment(place, outputs)
