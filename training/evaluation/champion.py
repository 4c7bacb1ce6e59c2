"""The model in service, asked about the same rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from training.errors import ArtefactError
from training.evaluation import behaviour, compare
from training.evaluation.behaviour import BehaviourFloor
from training.evaluation.evaluation import Champion
from training.evaluation.scoring import Scored, score
from training.model import archive
from training.model.star_model import StarModel


@dataclass(frozen=True)
class Standing:
    """What a champion answered.

    champion: its part of evaluation.json. stars: (n,). behaviour: the cases that it passes.
    """

    champion: Champion
    stars: NDArray[np.int64]
    behaviour: Mapping[str, NDArray[np.bool_]]


def compare_with_champion(
    champion: Path | None,
    scored: Scored,
    floors: Sequence[BehaviourFloor],
    log: Callable[[str], None],
) -> Standing | None:
    """Ask the champion the same, rows and behaviour tests, and compare; None: there is none.

    It is asked in every language of the challenger, whatever it learned itself.
    Raises ArtefactError for a champion that this program cannot read.
    """
    if champion is None or not archive.is_model(champion):
        return None
    with archive.opened(champion) as folder:
        try:
            model = StarModel.load(folder)
        except ArtefactError as error:  # no model passes unjudged because the other cannot answer
            raise ArtefactError(
                f"the champion cannot be asked: {error}; to be judged by the gate alone, while "
                "it goes on serving: make learn ALONE=1"
            ) from error
        log("scoring the champion on the same rows")
        theirs = score(model, scored.rows, log)
    compared = compare.compare(scored.rows.rating, scored.stars, theirs.stars, scored.rows.bucket)
    found = Champion(
        **structs.asdict(compared),
        metrics=theirs.metrics(),
        provenance=model.version_info.get("provenance", {}),
    )
    return Standing(found, theirs.stars, behaviour.ask(model, floors))
