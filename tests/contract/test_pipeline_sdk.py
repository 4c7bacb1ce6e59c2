"""Our definition beside the one that the SageMaker SDK makes of the same steps.

The SDK lives in a venv of its own (731 MB): without it this is skipped, and says so.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.pipeline.pipeline import definition
from infra.stage import Stage

from .test_pipeline_definition import RESOURCES

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local/venvs/notebooks/bin/python"
ABSENT = "(absent)"
REGISTER = "Steps[3].Arguments.IfSteps[1].Arguments"

# All that may differ, ours and theirs, each with the reason.
KNOWN = {
    # Each run would become a SageMaker experiment beside its run in MLflow.
    "PipelineExperimentConfig": (
        ABSENT,
        {
            "ExperimentName": {"Get": "Execution.PipelineName"},
            "TrialName": {"Get": "Execution.PipelineExecutionId"},
        },
    ),
    # What the service takes where nothing is said.
    "MlflowConfig": (ABSENT, None),
    "Steps[0].Arguments.OutputDataConfig.CompressionType": (ABSENT, "GZIP"),
    f"{REGISTER}.SkipModelValidation": (ABSENT, "None"),
    f"{REGISTER}.InferenceSpecification.Containers[0].Environment": (ABSENT, {}),
    f"{REGISTER}.ModelMetrics.Bias": (ABSENT, {}),
    f"{REGISTER}.ModelMetrics.Explainability": (ABSENT, {}),
}


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Where two documents differ, with both values."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            inner = f"{path}.{name}".lstrip(".")
            yield from differences(ours.get(name, ABSENT), theirs.get(name, ABSENT), inner)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for position, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{path}[{position}]")
    elif ours != theirs:
        yield path, (ours, theirs)


def by_the_sdk(stage: Stage, ours: dict[str, Any]) -> dict[str, Any]:
    """What the SDK makes; a call to any address outside would fail."""
    learning = stage.learning
    given = {
        "curated": RESOURCES.curated_bucket,
        "bucket": RESOURCES.models_bucket,
        "role": RESOURCES.role_arn,
        "tracking_role": RESOURCES.tracking_role_arn,
        "image": RESOURCES.image_uri,
        "key": RESOURCES.key_arn,
        "group": RESOURCES.model_package_group,
        "name": stage.name(),
        "sign_function": RESOURCES.sign_function,
        "instance_type": learning.instance_type,
        "serving_instance_type": stage.endpoint.instance_type,
        "volume": learning.volume_gib,
        "longest": learning.max_runtime_seconds,
        "folds": learning.folds,
        "parameters": {
            p["Name"]: (p.get("DefaultValue"), p.get("EnumValues")) for p in ours["Parameters"]
        },
    }
    nowhere = "http://127.0.0.1:9"
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).with_name("sdk_pipeline.py"))],
        input=json.dumps(given),
        env={**os.environ, "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "NO_PROXY": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="no SageMaker SDK here: run `make sdk`")
def test_the_sdk_makes_the_same_pipeline_but_for_what_is_known() -> None:
    stage = Stage.read("prod")
    ours = definition(stage, RESOURCES)
    assert dict(differences(ours, by_the_sdk(stage, ours))) == KNOWN


def test_a_difference_would_be_found() -> None:
    ours = definition(Stage.read("prod"), RESOURCES)
    theirs = json.loads(json.dumps(ours))
    theirs["Steps"][0]["Arguments"]["EnableNetworkIsolation"] = False
    theirs["Steps"].pop()
    assert [path for path, _ in differences(ours, theirs)] == ["Steps"]
    theirs["Steps"].append(ours["Steps"][-1])
    assert dict(differences(ours, theirs)) == {
        "Steps[0].Arguments.EnableNetworkIsolation": (True, False)
    }
