"""A run is read from its files, sent once, and never lost where tracking is down."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.evaluations import make_evaluation
from training.errors import ArtefactError
from training.evaluation.evaluation import write_evaluation
from training.tracking.finished_run import describe
from training.tracking.track import track

SERVER = Path(".local/venvs/tracking/bin/mlflow")
LOCAL_SERVER = Path("local_cloud/tracking.py").absolute()


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Path]:
    model, evaluation = tmp_path / "model", tmp_path / "evaluation"
    model.mkdir()
    (evaluation / "plots").mkdir(parents=True)
    about = {
        "family": "views",
        "text_rules": "1",
        "token_rules": "2",
        "detector": "d",
        "configuration": {
            "seed": 0,
            "decision_rules": [{"name": "argmax"}],
            "languages": ["en", "es"],
        },
        "provenance": {
            "dataset_id": "20261123T000000Z-abcdef01",
            "dataset_manifest_uri": "s3://curated/datasets/x/manifest.json",
            "dataset_sha256": "ab" * 32,
        },
    }
    folds = [
        {"accuracy": 0.7 + i / 100, "macro_f1": 0.5, "mae": 0.4, "qwk": 0.8, "within_one": 0.9}
        for i in range(3)
    ]
    counts = {"counts": {"read": 10, "kept": 8, "rejected": {"no_text": 2}}}
    (model / "model.json").write_text(json.dumps(about))
    (model / "training.json").write_text(json.dumps({"folds": folds}))
    write_evaluation(evaluation, make_evaluation())
    (evaluation / "report.html").write_text("<!doctype html>")
    (evaluation / "plots" / "confusion.svg").write_text("<svg/>")
    (tmp_path / "dataset.json").write_text(json.dumps(counts))
    return model, evaluation


def test_a_run_is_described_by_its_files(run: tuple[Path, Path]) -> None:
    model, evaluation = run
    described = describe(model, evaluation, evaluation.parent / "dataset.json")
    assert described.parameters == {
        "seed": "0",
        "decision_rules.0.name": "argmax",
        "languages": "en, es",
    }
    found = make_evaluation()
    champion = found.champion
    assert champion is not None
    assert described.metrics["accuracy"] == found.accuracy
    assert described.metrics["recall_of_1"] == found.per_class["1"].recall
    assert described.metrics["spread.accuracy"] == found.spread["accuracy"]
    difference = champion.differences["accuracy"].difference
    assert described.metrics["against_champion.accuracy"] == difference
    name = "slice.length_and_language.4_to_7_words_and_en"
    one = found.slices["length and language"]["4 to 7 words and en"]
    assert described.metrics[f"{name}.accuracy"] == one.accuracy
    assert described.metrics[f"{name}.over_majority"] == one.over_majority.gain
    assert "spread.ece" not in described.metrics
    assert all(type(value) is float for value in described.metrics.values())
    assert [round(fold["accuracy"], 2) for fold in described.folds] == [0.7, 0.71, 0.72]
    assert described.tags["gate"] == "refused"
    assert described.tags["reviews.rejected.no_text"] == "2"
    assert described.tags["text_rules"] == "1"


def test_without_a_server_the_run_goes_on_and_says_so(
    run: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    said: list[str] = []
    sent = track(*run, log=said.append)
    assert not sent.sent
    assert "MLFLOW_TRACKING_URI" in said[0]
    left = json.loads((run[1].parent / "tracking" / "tracking.json").read_text())
    assert left["sent"] is False


def test_files_that_are_no_run_are_refused(run: tuple[Path, Path]) -> None:
    (run[1] / "evaluation.json").write_text("{")
    with pytest.raises(ArtefactError, match=r"evaluation\.json"):
        track(*run, uri="")


@pytest.mark.slow
def test_a_server_that_is_down_is_no_failure(run: tuple[Path, Path]) -> None:
    sent = track(*run, uri=f"http://127.0.0.1:{_free_port()}")
    assert not sent.sent
    assert "send it later" in sent.message


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_run_arrives_whole_and_once(run: tuple[Path, Path], server: str) -> None:
    client = pytest.importorskip("mlflow.tracking").MlflowClient(server)
    first, again = track(*run, uri=server), track(*run, uri=server)
    assert first.sent
    assert again.run_id == first.run_id
    arrived: Any = client.get_run(first.run_id)
    assert arrived.info.status == "FINISHED"
    assert arrived.data.metrics["accuracy"] == make_evaluation().accuracy
    assert arrived.data.tags["gate"] == "refused"
    assert arrived.inputs.dataset_inputs[0].dataset.name == "20261123T000000Z-abcdef01"
    assert len(client.get_metric_history(first.run_id, "fold.accuracy")) == 3
    paths = {file.path for file in client.list_artifacts(first.run_id)}
    assert {"report.html", "evaluation.json", "plots", "model"} <= paths
    model_files = {file.path for file in client.list_artifacts(first.run_id, "model")}
    assert "model/MLmodel" in model_files


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["mlflow-app", "mlflow-tracking-server"])
@pytest.mark.parametrize("server", ["--no-serve-artifacts"], indirect=True)  # nor does SageMaker's
def test_an_arn_of_sagemaker_is_reached_with_signed_requests(
    run: tuple[Path, Path], server: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = pytest.importorskip("sagemaker_mlflow.auth")
    signed = []
    sign = auth.AuthBoto.__call__

    def spy(self: Any, request: Any) -> Any:
        answer = sign(self, request)
        signed.append(answer.headers["Authorization"])
        return answer

    monkeypatch.setattr(auth.AuthBoto, "__call__", spy)
    monkeypatch.setenv("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", server)  # in the place of AWS's own
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    sent = track(*run, uri=f"arn:aws:sagemaker:eu-west-1:111111111111:{kind}/stars")
    assert sent.sent, sent.message
    service = "sagemaker" if kind == "mlflow-app" else "sagemaker-mlflow"
    assert signed
    assert all(f"/eu-west-1/{service}/aws4_request" in header for header in signed)
    client = pytest.importorskip("mlflow.tracking").MlflowClient(server)
    assert client.get_run(sent.run_id).info.status == "FINISHED"


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The local cloud's server, which takes the artefacts too; MLflow's own one with an option."""
    folder = tmp_path_factory.mktemp("server")
    if not SERVER.exists():
        pytest.skip(f"{SERVER} is not installed: make setup")
    port = _free_port()
    command = [str(SERVER.with_name("python").absolute()), "-P", str(LOCAL_SERVER), str(folder)]
    command += [str(port)]
    if hasattr(request, "param"):
        command = [str(SERVER.absolute()), "server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
        command += [request.param]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(2400):  # four minutes: 40 s were seen on a machine with other work
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("the MLflow server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
