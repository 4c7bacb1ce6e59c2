"""A deployed stage, known by the outputs of its stacks."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.contract.names import STACKS
from lambdas.ports import stacks
from operate.errors import OperateError
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


def read(place: Place) -> Deployment:
    """Read the outputs of every stack of the stage."""
    outputs: dict[str, str] = {}
    for part in STACKS:
        outputs |= stacks.outputs(place.name(part))
    return Deployment(place, outputs)
