"""`dvc repro` makes what changed, and the same input gives the same bytes."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("reviews", "training", "monitoring", "configs", ".dvc", "dvc.yaml", ".dvcignore")
DVC = ROOT / ".venv" / "bin" / "dvc"
PARAMS = """\
raw: .local/dvc/sample.jsonl
sample: {rows: 3000, seed: 1}
fresh: {rows: 2100, seed: 2}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not DVC.exists():
        pytest.skip(f"{DVC} is not installed: make setup")
    folder = tmp_path_factory.mktemp("project")
    for name in ROOMS:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "tmp", "cache")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "params.yaml").write_text(PARAMS)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / ".gitignore").write_text(".local/\n.venv\n__pycache__/\n")
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    dvc(folder, "repro")
    return folder


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(DVC), *arguments],
        cwd=folder,
        env={**os.environ, "DVC_NO_ANALYTICS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_second_repro_changes_nothing(project: Path) -> None:
    lock = (project / "dvc.lock").read_bytes()
    assert "up to date" in dvc(project, "repro")
    assert (project / "dvc.lock").read_bytes() == lock
    assert (project / ".local/dvc/drift/drift.json").is_file()


@pytest.mark.slow
def test_making_everything_anew_gives_the_same_bytes(project: Path) -> None:
    lock = (project / "dvc.lock").read_bytes()
    dvc(project, "repro", "--force")
    assert (project / "dvc.lock").read_bytes() == lock


@pytest.mark.slow
def test_another_gate_judges_anew_and_trains_nothing(project: Path) -> None:
    settings = project / "configs" / "model.yaml"
    before = settings.read_text()
    settings.write_text(before.replace("champion_margin: 0.006", "champion_margin: 0.005"))
    said = dvc(project, "status")
    settings.write_text(before)
    assert "evaluate" in said
    assert "train:" not in said
    assert "accuracy" in dvc(project, "metrics", "show")


@pytest.mark.slow
def test_another_seed_shows_what_it_changed_since_the_commit(project: Path) -> None:
    commit = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm"]
    subprocess.run(["git", "add", "-A"], cwd=project, check=True)
    subprocess.run([*commit, "first model"], cwd=project, check=True)
    assert dvc(project, "metrics", "diff").strip() == ""
    settings = project / "configs" / "model.yaml"
    before = settings.read_text()
    settings.write_text(before.replace("\nseed: 0", "\nseed: 1"))
    assert settings.read_text() != before
    dvc(project, "repro")
    changed = json.loads(dvc(project, "metrics", "diff", "--json"))
    found = changed[".local/dvc/evaluation/evaluation.json"]
    assert found["log_loss"]["diff"] == pytest.approx(
        found["log_loss"]["new"] - found["log_loss"]["old"]
    )
    assert found["log_loss"]["diff"] != 0
    settings.write_text(before)
    dvc(project, "repro")
    assert dvc(project, "metrics", "diff").strip() == ""
