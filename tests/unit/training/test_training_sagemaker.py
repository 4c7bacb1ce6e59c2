"""SageMaker's contract, and the exit statuses of the command line."""

import json
from pathlib import Path

import pytest

from training import sagemaker
from training.__main__ import main
from training.errors import ConfigurationError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ML_ROOT", str(tmp_path))
    (tmp_path / "input" / "config").mkdir(parents=True)
    return tmp_path


def write(root: Path, values: object) -> None:
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(values))


def test_hyperparameters_are_settings_or_provenance(root: Path):
    write(root, {"folds": "3", "dataset_id": "d", "git_commit": "", "sagemaker_region": "x"})
    assert sagemaker.read_hyperparameters() == (
        {"folds": "3"},
        {"dataset_id": "d", "git_commit": ""},
    )


def test_none_are_needed(root: Path):
    assert sagemaker.read_hyperparameters() == ({}, {})


@pytest.mark.parametrize("wrong", [{"fold": "3"}, {"folds": 3}, ["folds"]])
def test_others_are_refused(root: Path, wrong):
    write(root, wrong)
    with pytest.raises(ConfigurationError):
        sagemaker.read_hyperparameters()


def test_the_address_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv("SAGEMAKER_BIND_TO_PORT", raising=False)
    monkeypatch.delenv("BIND_HOST", raising=False)
    assert sagemaker.serving_address() == ("127.0.0.1", 8080)
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "9000")
    monkeypatch.setenv("BIND_HOST", "0.0.0.0")
    assert sagemaker.serving_address() == ("0.0.0.0", 9000)
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "http")
    with pytest.raises(ConfigurationError):
        sagemaker.serving_address()


def test_a_job_that_fails_says_why(root: Path, capsys):
    assert main(["train"]) == 1
    reason = (root / "output" / "failure").read_text()
    assert reason.startswith("DatasetError: no Parquet file")
    assert len(reason) <= sagemaker.MAX_REASON_CHARACTERS
    assert "no Parquet file" in capsys.readouterr().err


def test_a_long_reason_is_cut(root: Path):
    with pytest.raises(ValueError, match="xxx"), sagemaker.recording_failure("failure"):
        raise ValueError("x" * 5000)
    assert len((root / "output" / "failure").read_text()) == 1024


def test_a_processing_job_leaves_a_message(root: Path):
    assert main(["evaluate", "--model", str(root), "--data", str(root), "--out", "o"]) == 2
    assert "no Parquet file" in (root / "output" / "message").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--data", "absent", "--out", "out"],
        ["train", "--data", "absent"],
        ["predict", "--model", "absent", "--in", "absent.jsonl", "--out", "out.jsonl"],
        ["serve", "--model", "absent", "--port", "1"],
    ],
)
def test_input_that_cannot_be_read_exits_2(arguments, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert "Error: " in capsys.readouterr().err


def test_wrong_arguments_exit_2(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["predict"])
    assert stop.value.code == 2
