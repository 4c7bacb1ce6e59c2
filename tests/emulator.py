"""The emulator's packages for tests: at the end of the path, so that our own come first."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

SETTINGS = {  # read by MiniStack when it is imported
    "AUTH": "true",
    "LOG_LEVEL": "CRITICAL",
    "MINISTACK_REGION": "us-east-1",
    "SFN_WAIT_SCALE": "0.01",
    "IOT_MTLS_ENABLED": "0",
}
ROOT = Path(__file__).parents[1]
VENV = ROOT / ".local" / "venvs" / "emulator"


def is_reachable() -> bool:
    """Whether MiniStack can be imported, which it can from here on where `make cloud` ran."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = VENV / "lib" / version / "site-packages"
    if (packages / "ministack").is_dir() and str(packages) not in sys.path:
        sys.path.append(str(packages))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in SETTINGS.items():
                environment.setenv(name, value)
            importlib.import_module("ministack.app")
            importlib.import_module("ministack.services.stepfunctions")
    return str(packages) in sys.path


class Unreachable(pytest.Module):
    """A file of tests that cannot be imported without the emulator."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """Skip, and say what is missing."""
        pytest.skip(f"no emulator in {VENV.relative_to(ROOT)}: run `make cloud`")


def module(path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """For pytest_pycollect_makemodule: None is pytest's own way."""
    return None if is_reachable() else Unreachable.from_parent(parent, path=path)
