"""Neutral words whose stars follow from the verified purchase alone: every form learns it."""

from pathlib import Path

import numpy as np
import pytest

from training.data import dataset

WORDS = (
    "cable",
    "box",
    "phone",
    "table",
    "thing",
    "item",
    "color",
    "size",
    "piece",
    "order",
    "top",
)
FORMS = (
    {"mode": "memory", "family": "views"},
    {"mode": "streaming", "family": "views"},
    {"mode": "memory", "family": "plain"},
)


@pytest.fixture(scope="module")
def neutral(tmp_path_factory: pytest.TempPathFactory, corpus, save_corpus) -> Path:
    """5 stars where verified, 1 where not, and words that say nothing."""
    random = np.random.default_rng(1)
    rows = len(corpus["rating"])
    verified = (random.random(rows) < 0.5).tolist()
    columns = corpus | {
        "rating": [5 if said else 1 for said in verified],
        "verified_purchase": verified,
        "title": [" ".join(random.choice(WORDS, 3)) for _ in range(rows)],
        "text": ["the " + " ".join(random.choice(WORDS, 12)) for _ in range(rows)],
    }
    return save_corpus(tmp_path_factory.mktemp("neutral") / "0.parquet", columns)


@pytest.mark.parametrize("settings", FORMS, ids=lambda form: "-".join(form.values()))
def test_stars_that_follow_from_the_flag_are_learned(neutral: Path, tmp_path, fit_model, settings):
    model = fit_model(neutral, tmp_path, **settings)
    rows = dataset.read(neutral, ["en"], range(20))

    def accuracy(verified: np.ndarray | None) -> float:
        p = model.probabilities(rows.title, rows.text, verified)
        return float((model.decide(p) == rows.rating).mean())

    assert accuracy(rows.verified_purchase) > 0.9
    assert accuracy(None) < 0.65  # the words tell nothing
    yes, no = (
        part.contribution
        for said in (1, 0)
        for part in model.explain(rows.title[0], rows.text[0], 5, said)
        if part.field == "verified_purchase"
    )
    assert yes > 0.5
    assert no < -0.5
    long = [{"text": " ".join(f"{a} {b}" for a in WORDS for b in WORDS), "verified_purchase": True}]
    [rating] = model.rate(long, explain=True)
    assert "verified_purchase" in [part.field for part in rating.explanation.parts]
