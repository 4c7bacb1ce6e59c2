"""MLflow's server as `mlflow server` has it, in one process; runs in `.local/venvs/tracking`.

`mlflow server` imports MLflow, makes the tables and starts uvicorn in a second process, which
imports MLflow once more: 17.0 CPU s until it answers, 9.4 without.
"""

import os
import sys
from pathlib import Path

import uvicorn
from mlflow.server import constants
from mlflow.server.handlers import initialize_backend_stores

ARTIFACTS = "mlflow-artifacts:/"  # clients ask the server for them


def main(folder: Path, port: int) -> None:
    """Make the tables, then serve until a signal; a first request finds them there."""
    store = f"sqlite:///{folder / 'mlflow.db'}"
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: store,
        constants.REGISTRY_STORE_URI_ENV_VAR: store,
        constants.ARTIFACT_ROOT_ENV_VAR: ARTIFACTS,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: str(folder / "artifacts"),
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
    }
    initialize_backend_stores(store, store, ARTIFACTS)
    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
