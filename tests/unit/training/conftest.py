"""A model made by hand, so that nothing has to be trained to test what surrounds it."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitoring.baseline import Baseline
from reviews.clean import TEXT_RULES
from reviews.language import DEFAULT
from training import config
from training.features.tokens import COUNTS
from training.features.views import VIEWS
from training.model.artefact import ModelParts, write_manifest, write_parts
from training.model.decision import DecisionRule, star_shares
from training.model.scorer import Classifiers, Net, Stack
from training.model.star_model import StarModel
from training.model.topics import Projection

NGRAMS = ["good", "bad", "!", ".", "it", "not good", "is", "very bad", "don't", "5 stars"]
BY_STAR = [20, 5, 10, 15, 50]
WORDS = ["good", "bad", "it", "is", "not", "very", "don't", "5", "stars", "unheard", "!", "."]


def make_parts(seed: int = 0) -> ModelParts:
    """Random weights over ten n-grams."""
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    classifiers = {}
    for view in VIEWS:
        known = np.flatnonzero(random.random(len(NGRAMS)) < 0.8).astype(np.int32)
        idf = 1 + np.abs(numbers(len(known)))
        classifiers[view] = Classifiers(known, idf, numbers(len(known), 4), numbers(4))
    width = 4 * len(VIEWS) + len(COUNTS)
    nets = tuple(Net(numbers(width, 6), numbers(6), numbers(6, 5), numbers(5)) for _ in range(2))
    stack = Stack(numbers(width), 1 + np.abs(numbers(width)), 8.0, nets)
    topics = numbers(6, 3).astype(np.float16).astype(np.float32)
    places = np.array([0, 1, 2, 4, 5, 8], np.int32)
    rates = star_shares(BY_STAR)
    return ModelParts(NGRAMS, 0, classifiers, stack, Projection(places, topics), 40, rates)


def make_reviews(rows: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Titles and texts of words that the model knows, and of one that it does not."""
    random = np.random.default_rng(seed)

    def words(most: int) -> str:
        return " ".join(random.choice(WORDS, int(random.integers(0, most + 1))))

    return [words(4) for _ in range(rows)], [words(60) or "it" for _ in range(rows)]


def write_model(folder: Path, parts: ModelParts) -> Path:
    """A whole folder around some parts."""
    write_parts(folder, parts)
    about = {
        "family": "views",
        "mode": "memory",
        "languages": ("en",),
        "detector": DEFAULT,
        "decision_rule": DecisionRule("cost", 0.4),
        "text_rules": TEXT_RULES,
        "views": tuple(parts.classifiers),
        "views_left_out": (),
        "edge_tokens": parts.edge_tokens,
        "hash_bits": parts.hash_bits,
        "ngrams": len(parts.ngrams),
        "nets": len(parts.stack.nets) if parts.stack else 0,
        "clip": parts.stack.clip if parts.stack else 0.0,
        "reads_verified": parts.reads_verified,
        "rows": {
            "read": 120,
            "training": 100,
            "hold_out": 20,
            "training_by_star": BY_STAR,
            "languages": {"en": 120},
        },
        "provenance": {"dataset_id": "d-1"},
        "configuration": msgspec.to_builtins(config.load()),
    }
    model = StarModel(parts, DecisionRule("cost", 0.4), about)
    titles, texts = make_reviews(20)
    seen = model.observe(titles, texts, languages=["en"] * 20, markup=[False] * 20).observations
    Baseline.from_observations(seen, ["en"]).save(folder / "baseline")
    (folder / "golden.jsonl").write_bytes(b"")
    (folder / "training.json").write_bytes(b"{}")
    write_manifest(folder, about, 40)
    return folder


@pytest.fixture(scope="session")
def parts() -> ModelParts:
    return make_parts()


@pytest.fixture(scope="session")
def reviews() -> tuple[list[str], list[str]]:
    return make_reviews(100)


@pytest.fixture(scope="session")
def written_model(tmp_path_factory: pytest.TempPathFactory, parts: ModelParts) -> Path:
    """A folder that nobody changes: `model_folder` is its copy."""
    return write_model(tmp_path_factory.mktemp("model"), parts)


@pytest.fixture
def model_folder(tmp_path: Path, written_model: Path) -> Path:
    return Path(shutil.copytree(written_model, tmp_path / "model"))


@pytest.fixture(scope="session")
def model(written_model: Path) -> StarModel:
    return StarModel.load(written_model)
