"""The model as MLflow loads it: `mlflow.pyfunc.load_model` calls `_load_pyfunc` of this module."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.model.star_model import StarModel


def _load_pyfunc(path: str) -> "PyfuncModel":
    """What MLflow calls to load a model that `_save_model` wrote."""
    return PyfuncModel(Path(path))


class PyfuncModel:
    """A model behind MLflow's `predict`: a table with `title` and `text` in, answers out."""

    def __init__(self, folder: Path) -> None:
        self.model = StarModel.load(folder)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """A table of `stars` and `stars_1` to `stars_5`, a row for each row, in order."""
        import pandas as pd

        words = model_input.fillna("")
        shares = self.model.probabilities(words["title"].tolist(), words["text"].tolist())
        answers = pd.DataFrame(shares, columns=[f"stars_{k}" for k in range(1, 6)])
        answers.insert(0, "stars", self.model.decide(shares))
        return answers
