"""What makes quick tests quick, and changes nothing that they see."""

from __future__ import annotations

import functools
import gc

import pytest
from botocore import loaders
from py3langid import langid

# Each pretended AWS begins with a new session, and each of those read and parsed the shapes of its
# services anew (SageMaker's take 0.1 s). They are files that do not change.
loaders.create_loader = functools.cache(loaders.create_loader)
# One file holds the model of each of our detectors, and takes half a second to unpack.
langid._load_model_file = functools.cache(langid._load_model_file)


def pytest_collection_finish() -> None:
    """What was imported stays: no collection of garbage, and not the last one, walks it again."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """What frees itself when Python ends is free to; nanobind complains of what it finds then."""
    gc.unfreeze()
