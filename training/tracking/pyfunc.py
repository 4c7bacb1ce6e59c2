"""The model as MLflow loads it: `mlflow.pyfunc.load_model` calls `_load_pyfunc` of this module."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reviews.clean import is_empty
from training.model.answer import Prepared, Rating, prepare, rate
from training.model.star_model import StarModel

# Columns of the answer, with the types that MLflow's signature has for them.
COLUMNS = {
    "stars": "long",
    **{f"stars_{k}": "double" for k in range(1, 6)},
    "language": "string",
    "supported": "boolean",
    "known_words": "long",
    "reason": "string",
}
PANDAS = {"long": "Int64", "boolean": "boolean"}  # types that may be absent


def _load_pyfunc(path: str) -> "PyfuncModel":
    """What MLflow calls to load a model that `_save_model` wrote."""
    return PyfuncModel(Path(path))


class PyfuncModel:
    """A model behind MLflow's `predict`: a table of raw reviews in, answers out."""

    def __init__(self, folder: Path) -> None:
        self.model = StarModel.load(folder)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """A table with a row for each row, in order: what `python -m training predict` answers.

        model_input: `text`, and `title` where there are titles, as customers wrote them.
        reason: why a row has no stars, else empty.
        """
        import pandas as pd

        titles, texts = (_read_column(model_input, name) for name in ("title", "text"))
        verified = _read_flags(model_input)
        prepared = prepare(titles, [text or "" for text in texts], verified, self.model.detector)
        readable = [review for review in prepared if not is_empty(review.text)]
        rated = iter(rate(self.model, readable))
        rows = [_describe(review, rated) for review in prepared]
        answers = pd.DataFrame(rows, columns=list(COLUMNS))
        return answers.astype({n: PANDAS[kind] for n, kind in COLUMNS.items() if kind in PANDAS})


def _describe(review: Prepared, rated: Iterator[Rating]) -> tuple[object, ...]:
    if is_empty(review.text):
        return (None, *[None] * 5, None, None, None, "no_text")
    rating = next(rated)
    return (
        rating.stars,
        *rating.probabilities,
        rating.language,
        rating.supported,
        rating.known_words,
        "",
    )


def _read_flags(table: Any) -> list[bool | None]:
    """Yes, no, or not said: what is no boolean says nothing."""
    if "verified_purchase" not in table:
        return [None] * len(table)
    return [
        bool(v) if type(v).__name__ in ("bool", "bool_") else None
        for v in table["verified_purchase"]
    ]


def _read_column(table: Any, name: str) -> list[str | None]:
    if name not in table:
        return [None] * len(table)
    return [value if isinstance(value, str) else None for value in table[name]]
