"""Every stage's templates, made once: in this process, without plugins, packages or credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from .synthesis import STAGES, Templates, synthesise


@pytest.fixture(scope="session")
def every_stage(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Templates]:
    """The templates of all stages, by the stage's label."""
    return {stage: synthesise(stage, made_in(tmp_path_factory, stage)) for stage in STAGES}


@pytest.fixture(scope="session", params=STAGES)
def templates(request: pytest.FixtureRequest, every_stage: dict[str, Templates]) -> Templates:
    """The templates of one stage: a test that asks for them runs for each."""
    return every_stage[request.param]


@pytest.fixture(scope="session")
def prod(every_stage: dict[str, Templates]) -> Templates:
    """The templates of the stage that answers customers."""
    return every_stage["prod"]


def made_in(factory: pytest.TempPathFactory, stage: str) -> Path:
    """The folder of one stage's assembly."""
    return factory.mktemp(f"assembly-{stage}")
