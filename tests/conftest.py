"""What must be said before any test imports CDK, which starts a process of its own at its import.

Templates are made without CloudFormation's validation, which takes 3.5 s for each;
tests/infra/test_infra_synth.py validates in another process.
"""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests import properties

# Imports and mocks leave a million objects that stay: to walk them again and again takes a tenth
# of all CPU time.
gc.set_threshold(50_000, 20, 20)

os.environ["CDK_VALIDATION"] = "false"
if (node := Path(__file__).parents[1] / ".local/node/node").exists():
    os.environ.setdefault("JSII_NODE", str(node))


for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of `make test`: a make that a test calls is a
    os.environ.pop(name, None)  # person's, and says of no folder that it enters and leaves it

for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    if signal.getsignal(number) == signal.SIG_IGN:  # as `nohup` leaves it, to our commands too
        signal.signal(number, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """A run without slow tests tries properties with fewer examples; `make test` has them all."""
    if "not slow" in config.option.markexpr:
        properties.share = properties.QUICK_SHARE


def pytest_make_parametrize_id(val: Any) -> str | None:
    """No time in a name: gzip writes one, and two workers that differ in a name end the run."""
    return "gzip" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None
