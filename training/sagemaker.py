"""SageMaker's contract with a container: folders, hyperparameters, and how failure is reported.

All of it lies below ML_ROOT, /opt/ml on AWS.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from training.config import OVERRIDES
from training.errors import ConfigurationError

MAX_REASON_CHARACTERS = 1024  # characters that SageMaker keeps
PROVENANCE = (
    "dataset_id",
    "dataset_manifest_uri",
    "dataset_sha256",
    "git_commit",
    "configuration_digest",
    "program_digest",
    "image_uri",
)


def root() -> Path:
    """Where SageMaker's folders are."""
    return Path(os.environ.get("ML_ROOT") or "/opt/ml")


def data() -> Path:
    """The curated Parquet of the channel `dataset`."""
    return root() / "input" / "data" / "dataset"


def model() -> Path:
    """Where a training job leaves its model, and a server finds it."""
    return root() / "model"


def read_hyperparameters() -> tuple[dict[str, str], dict[str, str]]:
    """Settings that a job overrides, and the provenance that it hands on.

    SageMaker's own (`sagemaker_...`) are left out. Raises ConfigurationError for a name that is
    neither, or for what is no string.
    """
    path = root() / "input" / "config" / "hyperparameters.json"
    if not path.is_file():
        return {}, {}
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError("hyperparameters.json must map names to strings") from error
    own = {name: value for name, value in found.items() if not name.startswith("sagemaker_")}
    if unknown := sorted(set(own) - set(OVERRIDES) - set(PROVENANCE)):
        raise ConfigurationError(f"no such hyperparameter: {', '.join(unknown)}")
    return _pick(own, OVERRIDES), _pick(own, PROVENANCE)


def serving_address() -> tuple[str, int]:
    """Host and port that the server shall listen on."""
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT") or "8080"
    if not port.isdecimal():
        raise ConfigurationError("SAGEMAKER_BIND_TO_PORT must be a port")
    return os.environ.get("BIND_HOST") or "127.0.0.1", int(port)


@contextmanager
def recording_failure(name: str) -> Iterator[None]:
    """Write why a job failed where SageMaker reads it, and let the error go on.

    name: `failure` for training, `message` for processing.
    """
    try:
        yield
    except Exception as error:
        folder = root() / "output"
        folder.mkdir(parents=True, exist_ok=True)
        reason = f"{type(error).__name__}: {error}"
        (folder / name).write_text(reason[:MAX_REASON_CHARACTERS], encoding="utf-8")
        raise


def _pick(found: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: found[name] for name in names if name in found}
