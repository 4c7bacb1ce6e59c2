"""`track`: send a finished run's files to MLflow, refused runs too.

The only file that knows MLflow. Jobs write files and know nothing of it; this reads them, so a
run can be sent when it ends, again after tracking was down, or years later. Tracking that is
down or unset is no failure: it is logged, and the files stay.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from training.model import archive
from training.tracking import pyfunc
from training.tracking.finished_run import Run, describe

EXPERIMENT = "review-stars"
NOWHERE = "none"  # MLFLOW_TRACKING_URI of a stage whose MLflow app is not there
RUN_TAG = "review_stars.digest"  # of a run's files: the same run is sent once
PATIENCE = {  # a server that is down must not hold a pipeline for MLflow's default of minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
BATCH = 100  # parameters that one call takes
METRICS = 1000  # … and metrics: slices of many languages have more
ARTEFACTS = ("evaluation.json", "report.html", "model_card.md", "model_card.json")


@dataclass(frozen=True)
class Sent:
    """What became of a run. run_id: MLflow's, empty where nothing was sent."""

    sent: bool
    run_id: str
    message: str


def track(
    run: Path,
    evaluation: Path,
    *,
    dataset: Path | None = None,
    uri: str | None = None,
    out: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Sent:
    """Send one run and write tracking.json; what cannot be sent is logged, never raised.

    run: the model's folder, or one with `model.tar.gz`. evaluation: what `evaluate` left.
    dataset: dataset.json or counts.json, for the preprocessing counts. uri: else
    MLFLOW_TRACKING_URI. out: else the folder `tracking` beside the evaluation.
    Raises ArtefactError where the files are no run.
    """
    uri = uri if uri is not None else os.environ.get("MLFLOW_TRACKING_URI", "")
    with archive.opened(run) as folder:
        described = describe(folder, evaluation, dataset)
        sent = _try_to_send(described, folder, evaluation, uri)
    out = out or evaluation.parent / "tracking"
    out.mkdir(parents=True, exist_ok=True)
    (out / "tracking.json").write_bytes(msgspec.json.encode(sent) + b"\n")
    log(sent.message)
    return sent


def _try_to_send(run: Run, folder: Path, evaluation: Path, uri: str) -> Sent:
    if uri in ("", NOWHERE):
        return Sent(False, "", "no tracking: MLFLOW_TRACKING_URI names no server; the files stay")
    with _environment(uri):
        try:
            return _send(run, folder, evaluation, uri)
        except Exception as error:  # whatever a tracker does, it must not stop a release
            why = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
            return Sent(False, "", f"tracking did not take the run, send it later: {why}")


def _send(run: Run, folder: Path, evaluation: Path, uri: str) -> Sent:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = _experiment(client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT)
    wanted = f"tags.`{RUN_TAG}` = '{run.digest}' and attributes.status = 'FINISHED'"
    if found := client.search_runs([experiment], wanted, max_results=1):
        run_id = found[0].info.run_id
        return Sent(True, run_id, f"this run is in MLflow already, as {run_id}")
    run_id = client.create_run(
        experiment, run_name=run.name, tags={**run.tags, RUN_TAG: run.digest}
    ).info.run_id
    try:
        _log(client, run_id, run)
        _log_files(client, run_id, folder, evaluation)
    except BaseException:
        with suppress(Exception):  # what broke first is what is raised
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return Sent(True, run_id, f"sent to MLflow as run {run_id} of {uri}")


def _log(client: Any, run_id: str, run: Run) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
    from mlflow.utils.time import get_current_time_millis

    parameters = [Param(key, value) for key, value in run.parameters.items()]
    for start in range(0, len(parameters), BATCH):
        client.log_batch(run_id, params=parameters[start : start + BATCH])
    now = get_current_time_millis()
    metrics = [Metric(name, value, now, 0) for name, value in run.metrics.items()]
    for step, fold in enumerate(run.folds):
        metrics += [Metric(f"fold.{name}", value, now, step) for name, value in fold.items()]
    for start in range(0, len(metrics), METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS])
    uri = run.dataset["uri"]
    kind, source = uri.partition(":")[0] or "local", msgspec.json.encode({"uri": uri}).decode()
    dataset = Dataset(run.dataset["name"], run.dataset["digest"], kind, source)
    use = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(dataset, [use])])


def _log_files(client: Any, run_id: str, folder: Path, evaluation: Path) -> None:
    for name in ARTEFACTS:
        if (evaluation / name).is_file():
            client.log_artifact(run_id, str(evaluation / name))
    if (evaluation / "plots").is_dir():
        client.log_artifacts(run_id, str(evaluation / "plots"), "plots")
    with TemporaryDirectory(prefix="mlmodel-") as place:
        _save_model(folder, Path(place) / "model")
        client.log_artifacts(run_id, str(Path(place) / "model"), "model")


def _save_model(folder: Path, target: Path) -> None:
    """The model in MLflow's own form, with its signature: `mlflow.pyfunc.load_model` reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own type hints, and for want of an example
        import mlflow.pyfunc
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, DataType, Schema

        reviews = [
            ColSpec(DataType.string, "title", required=False),
            ColSpec(DataType.string, "text"),
            ColSpec(DataType.boolean, "verified_purchase", required=False),
        ]
        answers = [ColSpec(DataType[kind], name) for name, kind in pyfunc.COLUMNS.items()]
        mlflow.pyfunc.save_model(
            path=str(target),
            loader_module=pyfunc.__name__,
            data_path=str(folder),
            signature=ModelSignature(inputs=Schema(reviews), outputs=Schema(answers)),
            pip_requirements=["numpy", "msgspec", "py3langid"],
        )


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


@contextmanager
def _environment(uri: str) -> Iterator[None]:
    """MLflow reads its patience from the environment at each request.

    So does SageMaker's plugin the address, whatever the client was made with.
    """
    before = dict(os.environ)
    os.environ.update({**PATIENCE, **before, "MLFLOW_TRACKING_URI": uri})
    try:
        yield
    finally:
        for name in (*PATIENCE, "MLFLOW_TRACKING_URI"):
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]
