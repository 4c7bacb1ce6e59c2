"""What a scene is, and what came of playing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rehearsal.theatre import Theatre

Outcome = Literal["passed", "failed", "not played", "only AWS"]


@dataclass(frozen=True)
class Scene:
    """One thing that can happen to a stage. play: returns what it saw, raises where it is wrong.

    proves: what a pass shows; only_aws: what it cannot show; needs: scenes that must have passed.
    A scene without `play` cannot run on this machine.
    """

    name: str
    title: str
    proves: str
    only_aws: str
    needs: tuple[str, ...] = ()
    play: Callable[[Theatre], str] | None = None


@dataclass(frozen=True)
class Played:
    """A scene with its outcome, what it saw or why it failed, and its seconds."""

    scene: Scene
    outcome: Outcome
    found: str
    seconds: float
