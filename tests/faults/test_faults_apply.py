"""Ten faults can still be put back: `make faults` does so, and sees the rehearsal fail."""

from __future__ import annotations

import py_compile
import shutil
from pathlib import Path

import pytest

from operate.outages import MATRIX
from rehearsal.programme import SCENES
from rehearsal.trees import ROOT

from .faults import FAULTS, SILENT, Fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_put_back(fault: Fault, tmp_path: Path) -> None:
    path = tmp_path / fault.file
    path.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / fault.file, path)
    fault.put_back(tmp_path)
    py_compile.compile(str(path), doraise=True)
    with pytest.raises(AssertionError, match="no longer applies"):
        fault.put_back(tmp_path)


def test_each_of_them_has_its_scene() -> None:
    assert len({fault.name for fault in FAULTS}) == 10
    assert {fault.scene for fault in FAULTS} <= {scene.name for scene in SCENES}
    assert SILENT in {row.fault for row in MATRIX}
