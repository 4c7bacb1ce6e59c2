"""Sources without titles (MARC, IMDB, app stores): a model comes of them, and may be registered."""

import json
from pathlib import Path

import pytest

from reviews.files import refine_files
from reviews.synthetic import raw_lines
from training import config
from training.evaluate import evaluate
from training.progress import TrainingProgress
from training.train import train

ROWS = 2_000


@pytest.mark.slow
def test_two_thousand_reviews_of_rating_and_text_alone_pass_the_gate(tmp_path: Path) -> None:
    raw = tmp_path / "untitled.jsonl"
    with raw.open("w") as file:
        for line in raw_lines(rows=ROWS + 200, seed=5):
            try:
                record = json.loads(line)
                file.write(json.dumps({"rating": record["rating"], "text": record["text"]}) + "\n")
            except (ValueError, TypeError, KeyError):  # the faults of the sample
                continue
    refine_files([raw], tmp_path)
    reviews, model = tmp_path / "reviews", tmp_path / "model"
    train(reviews, model, config.load(), progress=TrainingProgress(quiet=True))
    found = evaluate(model, reviews, tmp_path / "evaluation")
    assert found.gate.passed, found.gate.message
