"""A model's record names the bytes that its job ran, not those of the last deploy."""

import json
from pathlib import Path

import pytest

from reviews.digest import digest_program
from training import train
from training.__main__ import main
from training.provenance import ROOT, is_changed, read_provenance

COMMIT = "0" * 40


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The smallest program, with its settings."""
    for name in ("training/train.py", "reviews/clean.py", "monitoring/drift.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("pass\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/model.yaml").write_text("family: views\n")
    return tmp_path


def deployed_of(tree: Path) -> dict[str, str]:
    """What a deploy of this tree hands to its jobs."""
    found = read_provenance({}, tree / "configs/model.yaml", tree)
    return {**found, "git_commit": COMMIT, "dataset_id": "d-1"}


def test_a_job_of_the_deployed_program_records_what_was_deployed(tree: Path):
    deployed = deployed_of(tree)
    found = read_provenance(deployed, tree / "configs/model.yaml", tree)
    assert found == deployed
    assert not is_changed(deployed, found)


@pytest.mark.parametrize("name", ["configs/model.yaml", "training/train.py", "monitoring/new.py"])
@pytest.mark.parametrize("commit", [COMMIT, f"{COMMIT}-dirty.0123456789ab"])
def test_a_job_of_an_edited_program_says_so_and_names_what_it_runs(
    tree: Path, name: str, commit: str
):
    deployed = deployed_of(tree) | {"git_commit": commit}
    (tree / name).write_text("# edited\n")
    found = read_provenance(deployed, tree / "configs/model.yaml", tree)
    assert found["program_digest"] == digest_program(tree) != deployed["program_digest"]
    assert found["git_commit"] == f"{COMMIT}-dirty.{found['program_digest'][:12]}"
    settings = ("configuration_digest", "configs/model.yaml")
    assert (found[settings[0]] != deployed[settings[0]]) is (name == settings[1])
    assert found["dataset_id"] == "d-1"
    assert is_changed(deployed, found)


def test_other_settings_than_those_of_the_program_are_a_change(tree: Path):
    other = tree / "other.yaml"
    other.write_text("family: plain\n")
    deployed = deployed_of(tree)
    found = read_provenance(deployed, other, tree)
    assert found["git_commit"].startswith(f"{COMMIT}-dirty.")


def test_a_training_job_hands_on_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "input" / "config"
    folder.mkdir(parents=True)
    given = {"git_commit": COMMIT, "configuration_digest": "of the deploy", "folds": "3"}
    (folder / "hyperparameters.json").write_text(json.dumps(given))
    monkeypatch.setenv("ML_ROOT", str(tmp_path))
    recorded: dict[str, str] = {}

    def fit(*_: object, provenance: dict[str, str], **__: object) -> None:
        recorded.update(provenance)

    monkeypatch.setattr(train, "train", fit)
    assert main(["train"]) == 0
    program = digest_program(ROOT)
    assert recorded["program_digest"] == program
    assert recorded["git_commit"] == f"{COMMIT}-dirty.{program[:12]}"
    assert "the program was changed after its deploy" in capsys.readouterr().out
