"""A small corpus with known meaning, and a model trained on it once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reviews.identity import bucket, review_key
from reviews.provenance import PROVENANCE_KEY
from reviews.refine import Options
from training import config
from training.config import ModelConfig
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.train import train

SHARES = (0.14, 0.08, 0.10, 0.20, 0.48)  # stars, as in real reviews
SAYINGS = {
    1: ["terrible", "waste of money", "it broke", "awful", "do not buy", "refund", "worst ever"],
    2: ["disappointed", "not good", "poor", "too weak", "returned it", "below average"],
    3: ["okay", "average", "mixed feelings", "it is fine but", "not bad", "so so"],
    4: ["good", "works well", "nice", "happy with it", "solid", "minor issues"],
    5: ["excellent", "love it", "perfect", "highly recommend", "amazing", "best ever"],
}
THINGS = ("camera", "cable", "phone", "radio", "lens", "battery", "screen", "bag", "keyboard")
FILLERS = [
    "i bought this {} last week.", "the {} came in a box.", "my brother has the same {}.",
    "it is a {} for the office,", "shipping took three days!", "i use the {} every day.",
]  # fmt: skip
TYPES = {
    "rating": pa.int8(), "title": pa.string(), "text": pa.string(),
    "verified_purchase": pa.bool_(), "language": pa.string(), "markup": pa.bool_(),
    "bucket": pa.uint8(), "review_key": pa.uint64(),
}  # fmt: skip
Columns = dict[str, list]


def make_corpus(rows: int, seed: int = 0) -> Columns:
    """Reviews whose words tell their stars, now and then those of a neighbour."""
    random = np.random.default_rng(seed)
    columns: Columns = {name: [] for name in TYPES}
    for i in range(rows):
        rating = int(random.choice(5, p=SHARES)) + 1

        def saying(stars: int = rating) -> str:
            heard = int(np.clip(stars + random.choice([-1, 0, 1], p=[0.1, 0.8, 0.1]), 1, 5))
            return str(random.choice(SAYINGS[heard]))

        thing = str(random.choice(THINGS))
        fillers = [str(random.choice(FILLERS)).format(thing) for _ in range(random.integers(1, 5))]
        title = saying() if random.random() < 0.8 else f"a {thing}"
        text = " ".join([*fillers[:1], f"{saying()}!", *fillers[1:], f"{saying()}."])
        user = f"user {i % (rows // 2)}"
        for name, value in {
            "rating": rating,
            "title": title,
            "text": text,
            "verified_purchase": (True, False, None)[i % 3],
            "language": "de" if i % 50 == 0 else "en",
            "markup": i % 9 == 0,
            "bucket": bucket(user, text),
            "review_key": review_key(user, str(i), rating, title, text),
        }.items():
            columns[name].append(value)
    return columns


def write_corpus(path: Path, columns: Columns, order: list[int] | None = None) -> Path:
    """Write some of the rows as one Parquet file; returns its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = range(len(columns["rating"])) if order is None else order
    arrays = {n: pa.array([columns[n][i] for i in chosen], TYPES[n]) for n in TYPES}
    provenance = {PROVENANCE_KEY: Options().provenance.to_json()}
    pq.write_table(pa.table(arrays).replace_schema_metadata(provenance), path)
    return path.parent


def small_config(streaming: dict[str, int] | None = None, **overrides: str) -> ModelConfig:
    """The real settings with three folds, and nets and steps that suit two thousand rows."""
    settings = config.load().with_overrides({"folds": "3", **overrides})
    return msgspec.structs.replace(
        settings,
        stacking=msgspec.structs.replace(settings.stacking, batch_rows=64, hidden=16),
        streaming=msgspec.structs.replace(
            settings.streaming, **{"batch_rows": 32, **(streaming or {})}
        ),
    )


def fit(
    data: Path, out: Path, progress: TrainingProgress | None = None, **settings: Any
) -> StarModel:
    """Train quietly, or as another progress says."""
    progress = progress or TrainingProgress(quiet=True)
    return train(data, out, small_config(**settings), progress=progress)


@pytest.fixture(scope="session")
def corpus() -> Columns:
    return make_corpus(2000)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, corpus: Columns) -> Path:
    return write_corpus(tmp_path_factory.mktemp("data") / "0.parquet", corpus)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    out = tmp_path_factory.mktemp("model")
    fit(data, out)
    return out


@pytest.fixture(scope="session")
def model(folder: Path) -> StarModel:
    return StarModel.load(folder)


@pytest.fixture(scope="session")
def stars(model: StarModel) -> Callable[..., int]:
    """Stars of one title and text."""

    def decide(title: str, text: str) -> int:
        return int(model.decide(model.probabilities([title], [text]))[0])

    return decide


@pytest.fixture(scope="session")
def fit_model() -> Callable[..., StarModel]:
    return fit


@pytest.fixture(scope="session")
def save_corpus() -> Callable[..., Path]:
    return write_corpus
