"""`make test` fails where a room is tested less than its floor says."""

import importlib.util
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData

PATH = Path(__file__).parents[2] / ".ci" / "covered.py"
spec = importlib.util.spec_from_file_location("ci_covered", PATH)
covered = importlib.util.module_from_spec(spec)
spec.loader.exec_module(covered)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of one room, of whose four lines three were run."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("a = 1\nb = 2\nif a > b:\n    c = 3\n")
    data = CoverageData(str(tmp_path / "data"))
    data.add_lines({str(tmp_path / "room" / "a.py"): [1, 2, 3]})
    data.write()
    settings = tmp_path / ".coveragerc"
    settings.write_text(f"[run]\ndata_file = {tmp_path / 'data'}\n")
    monkeypatch.setattr(covered, "ROOT", tmp_path)
    monkeypatch.setattr(covered, "Coverage", lambda: Coverage(config_file=str(settings)))
    return tmp_path


@pytest.mark.parametrize(("floor", "status"), [(75, 0), (76, 1)])
def test_a_room_is_held_to_its_floor(root, capsys, floor, status):
    (root / "pyproject.toml").write_text(f"[tool.coverage-floors]\nroom = {floor}\n")
    assert covered.main() == status
    said = capsys.readouterr()
    assert "75.0 % of its lines" in said.out
    assert ("below its floor: room" in said.err) == bool(status)


def test_a_room_that_no_test_ran_is_below_its_floor(root, capsys):
    (root / "pyproject.toml").write_text("[tool.coverage-floors]\nelsewhere = 1\n")
    assert covered.main() == 1
    assert "elsewhere" in capsys.readouterr().err
