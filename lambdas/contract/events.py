"""Our own events on the default bus."""

from __future__ import annotations

from lambdas.contract.names import APP

DATASET_READY = "DatasetReady"
RELEASE_REQUESTED = "ReleaseRequested"


def source(stage: str) -> str:
    """The source of a stage's events."""
    return f"{APP}.{stage}"
