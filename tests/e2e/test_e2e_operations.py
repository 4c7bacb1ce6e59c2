"""What the whole loop has asked of AWS is on the list. The last file of the folder."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.conftest import ROOT, Running

pytestmark = pytest.mark.e2e
EMULATOR = ROOT / ".local/venvs/emulator/bin/python"


def test_every_operation_and_parameter_that_was_used_is_on_the_list(running: Running) -> None:
    words = [str(EMULATOR), "-m", "local_cloud", "operations", "--home", str(running.home)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
