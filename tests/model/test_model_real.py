"""The figures that we promise, on real reviews. Needs ../shared/data; by `make test`."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reviews import parquet
from reviews.clean import TEXT_RULES
from reviews.refine import refine_stream
from tests.model.test_model_gate import read_parts, write_changed
from training import config
from training.data import dataset
from training.evaluate import evaluate
from training.evaluation import metrics, reference
from training.model import artefact
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.train import train

pytestmark = pytest.mark.slow

NEGATION = re.compile(r"(\b(not?|never|none|nothing)|n't)\b")
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def curate(name: str, folder: Path) -> Path:
    source = DATA / f"{name}.jsonl.gz"
    if not source.is_file():
        pytest.skip(f"{source.name} is not in ../shared/data")
    target = folder / name
    target.mkdir()
    with gzip.open(source, "rb") as raw, (target / "0.parquet").open("wb") as file:
        parquet.write(refine_stream(raw), file)
    return target


@pytest.fixture(scope="module")
def electronics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curate("electronics_train_100k", tmp_path_factory.mktemp("curated"))


@pytest.fixture(scope="module")
def trained(electronics: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    train(electronics, out, config.load(), progress=TrainingProgress(quiet=True))
    return out


def figures_of(model: StarModel, rows: dataset.Rows) -> dict:
    p = model.probabilities(rows.title, rows.text)
    return metrics.headline(rows.rating, model.decide(p), p)


def test_the_hold_out_figures_hold(trained, electronics: Path):
    model = StarModel.load(trained)
    found = figures_of(model, dataset.read(electronics, model.languages, range(20)))
    assert found["accuracy"] >= 0.714
    assert found["macro_f1"] >= 0.578
    assert found["mae"] <= 0.347
    assert found["qwk"] >= 0.878
    assert found["ece"] <= 0.02


def test_what_it_learned_carries_over_to_another_category(trained, tmp_path: Path):
    model = StarModel.load(trained)
    found = figures_of(model, dataset.read(curate("drift_tvs_20k", tmp_path), model.languages))
    assert found["accuracy"] >= 0.73
    assert found["macro_f1"] >= 0.57


def few_learn(source: Path, folder: Path, buckets: range) -> Path:
    """The hold-out, and of the others only the users of some buckets."""
    folder.mkdir()
    table = pq.read_table(source / "0.parquet")
    keep = np.isin(table["bucket"].to_numpy(), [*range(20), *buckets])
    pq.write_table(table.filter(pa.array(keep)), folder / "0.parquet")
    return folder


def test_a_model_of_two_in_a_hundred_rows_is_refused(trained, electronics: Path, tmp_path: Path):
    few = few_learn(electronics, tmp_path / "few", range(30, 32))
    settings = config.load().with_overrides({"folds": "2"})
    train(few, tmp_path / "worse", settings, progress=TrainingProgress(quiet=True))
    found = evaluate(tmp_path / "worse", electronics, tmp_path / "out", trained)
    failed = {c.name for c in found.gate.conditions if not c.passed}
    assert not found.gate.passed
    assert found.gate.floors == "full"
    assert {"accuracy", "macro_f1", "qwk", "accuracy_against_champion"} <= failed
    for name in ("accuracy", "macro_f1", "qwk", "worse than the champion's"):
        assert name in found.gate.message
    assert "champion" in (tmp_path / "out" / "report.html").read_text()


def test_the_model_in_service_passes_the_full_gate(trained, electronics: Path, tmp_path: Path):
    found = evaluate(trained, electronics, tmp_path / "out")
    assert found.gate.passed, found.gate.message
    assert found.gate.floors == "full"
    assert found.parity_checks.passed


def test_a_model_that_breaks_negation_is_refused(trained, electronics: Path, tmp_path: Path):
    """Every n-gram that holds a negation is forgotten; most reviews are read as before."""
    parts = read_parts(trained)
    negates = [NEGATION.search(ngram) is not None for ngram in parts.ngrams]
    forgetful = {
        view: replace(c, weights=c.weights * ~np.array(negates)[c.ngrams][:, None])
        for view, c in parts.classifiers.items()
    }
    broken = write_changed(trained, tmp_path / "broken", classifiers=forgetful)
    found = evaluate(broken, electronics, tmp_path / "out", trained)
    assert "behaviour negation" in found.gate.message
    (negation,) = [one for one in found.behaviour if one.name == "negation"]
    assert negation.champion is not None
    assert negation.champion >= 0.75 > negation.rate
    assert "How it behaves" in (tmp_path / "out" / "report.html").read_text()


def test_streaming_costs_little_accuracy(trained, electronics: Path, tmp_path: Path):
    settings = config.load().with_overrides({"mode": "streaming"})
    train(electronics, tmp_path, settings, progress=TrainingProgress(quiet=True))
    streamed = StarModel.load(tmp_path)
    rows = dataset.read(electronics, streamed.languages, range(20))
    in_memory = figures_of(StarModel.load(trained), rows)
    assert figures_of(streamed, rows)["accuracy"] >= in_memory["accuracy"] - 0.012


def test_the_artefact_stays_small(trained):
    assert sum(f.stat().st_size for f in trained.rglob("*") if f.is_file()) <= 40 * 2**20


def test_the_fast_scorer_equals_the_plain_pipeline_on_real_words(trained, electronics: Path):
    rows = dataset.read(electronics, None, range(2))
    model = StarModel.load(trained)
    parts = artefact.read_parts(trained, artefact.read_manifest(trained, TEXT_RULES))
    titles, texts = rows.title[:1000], rows.text[:1000]
    slow = reference.probabilities(parts, titles, texts)
    assert np.abs(model.probabilities(titles, texts) - slow).max() < 1e-6
