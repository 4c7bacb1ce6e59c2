"""What a machine lacks is said before anything is installed, by the standard library alone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from operate import doctor
from operate.doctor import MachineFinding

ROOT = Path(__file__).parents[3]


def test_it_needs_no_package_at_all() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
         "from operate import doctor; doctor.quick(); print(sorted(sys.modules))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "'rich" not in done.stdout
    assert "'boto3" not in done.stdout
    assert "'msgspec" not in done.stdout


def test_what_must_be_mended_ends_it_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "RUN_BYTES", 10**18)
    monkeypatch.setattr(doctor, "SETUP_BYTES", 10**18)
    assert doctor.main(["--quick"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("doctor: disk: too full: ")
    assert "GB are needed: make room, or work on another disk" in said


def test_all_is_well_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--quick"]) == 0
    assert capsys.readouterr() == ("", "")


def test_more_space_is_asked_for_before_everything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "SETUP_BYTES", 10**18)
    assert doctor.disk(tmp_path).must
    (tmp_path / ".local/stamps").mkdir(parents=True)
    (tmp_path / ".local/stamps/node").touch()
    assert doctor.disk(tmp_path).remedy == ""


def test_a_python_that_makes_no_virtual_environments_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not doctor.python().must
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = doctor.python()
    assert found.must
    assert "-venv (Debian, Ubuntu), or name another one with PY=" in found.remedy


def test_a_home_that_is_not_writable_has_its_stand_in() -> None:
    assert "caches lie in .local/home" in doctor.home({"HOME": "/nonexistent"}).state
    assert "none that is writable" in doctor.home({}).state
    assert "caches there" in doctor.home({"HOME": "/tmp"}).state


def test_a_clock_behind_the_files_is_told() -> None:
    assert doctor.clock(time.time()).remedy == ""
    assert "signed calls are refused" in doctor.clock(0.0).remedy


def test_variables_that_would_steer_elsewhere_are_named_without_their_values() -> None:
    shell = {"AWS_PROFILE": "work", "https_proxy": "http://x", "CDK_HOME": "ours", "PATH": "/x"}
    (found,) = doctor.variables(shell)
    assert found.state == "not taken by the local stage: AWS_PROFILE, https_proxy"
    (_, knobs) = doctor.variables({**shell, "IGNORED_KNOBS": "STAGE CI"})
    assert knobs.state == "not taken from the environment: STAGE CI"


def test_every_finding_is_one_line_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    subjects = [line.split()[1] for line in lines]
    for subject in ("Python", "git", "curl", "disk", "memory", "HOME", "clock", "port"):
        assert subject in subjects
    assert MachineFinding("x", "odd", "do this").line == "--  x          odd: do this"
    assert MachineFinding("x", "bad", "do this", must=True).line.startswith("!!")
    assert MachineFinding("x", "good").line == "ok  x          good"


def settle_history(folder: Path) -> None:
    """Our Makefile's own rule, in another folder."""
    argv = ["make", "-f", str(ROOT / "Makefile"), "-C", str(folder), "history"]
    subprocess.run([*argv, f"PY={sys.executable}"], check=True, capture_output=True)


@pytest.mark.parametrize("has_history", [True, False])
def test_dvc_is_told_where_there_is_no_history(tmp_path: Path, has_history: bool) -> None:
    (tmp_path / ".dvc").mkdir()
    local = tmp_path / ".dvc" / "config.local"
    local.write_text("[core]\n    no_scm = true\n")
    if has_history:
        (tmp_path / ".git").mkdir()
    else:
        local.unlink()
    settle_history(tmp_path)
    assert local.exists() != has_history


@pytest.mark.slow
def test_dvc_works_without_a_history(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (tmp_path / "dvc.yaml").write_text("stages:\n  one:\n    cmd: echo 1 > one\n    outs: [one]\n")
    dvc = [sys.executable, "-m", "dvc", "repro", "-q"]
    refused = subprocess.run(dvc, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    settle_history(tmp_path)
    subprocess.run(dvc, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "one").read_text() == "1\n"
