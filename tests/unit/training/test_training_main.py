"""The command line: what holds for every command."""

import argparse

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from training import __main__ as program


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def test_every_command_computes_on_one_thread(monkeypatch: pytest.MonkeyPatch):
    seen = []

    def serve(options: argparse.Namespace) -> None:
        """Stands for any command."""
        np.ones((2, 2)) @ np.ones((2, 2))
        seen.append(blas_threads())

    monkeypatch.setattr(program, "serve", serve)
    with threadpool_limits(limits=2):
        before = blas_threads()
        assert program.main(["serve"]) == 0
    assert (before, seen) == ({2}, [{1}])
