"""How a model comes about: repeatable, blind to the hold-out, and refusing what is no basis."""

import filecmp
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from monitoring.baseline import Baseline
from reviews.clean import TEXT_RULES, clean
from reviews.verified import CODES
from training.data import dataset
from training.errors import ArtefactError, TrainingError
from training.evaluation import metrics as metrics_of
from training.evaluation import parity_checks, reference
from training.features.views import VIEWS
from training.model import artefact
from training.model.artefact import FILES
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.report.wording import describe_origin

ALL = (*FILES, "model.json")
ROOT = Path(__file__).resolve().parents[2]


def test_the_same_rows_and_seed_give_the_same_bytes(
    folder, corpus, tmp_path: Path, fit_model, save_corpus
):
    """In other files, in another order, with copies: still the same."""
    order = np.random.default_rng(3).permutation(len(corpus["rating"])).tolist()
    save_corpus(tmp_path / "data" / "deep" / "b.parquet", corpus, order[:1500])
    save_corpus(tmp_path / "data" / "a.parquet", corpus, order[1200:])
    fit_model(tmp_path / "data", tmp_path / "model")
    same, differ, missing = filecmp.cmpfiles(folder, tmp_path / "model", ALL, shallow=False)
    assert (sorted(same), differ, missing) == (sorted(ALL), [], [])


def test_another_seed_gives_another_model(folder, data, tmp_path: Path, fit_model):
    fit_model(data, tmp_path, seed="1")
    assert not filecmp.cmp(folder / "weights.npz", tmp_path / "weights.npz", shallow=False)


def test_the_hold_out_never_reaches_a_fit(folder, corpus, tmp_path: Path, fit_model, save_corpus):
    """With other stars and words in the hold-out, vocabulary and weights stay as they are."""
    changed = {name: list(values) for name, values in corpus.items()}
    for i, bucket in enumerate(changed["bucket"]):
        if bucket < 20:
            changed["rating"][i] = 6 - changed["rating"][i]
            changed["text"][i] += " hidden words hidden words"
    fit_model(save_corpus(tmp_path / "data" / "0.parquet", changed), tmp_path / "model")
    for name in ("vocabulary.txt", "weights.npz", "training.json"):
        assert filecmp.cmp(folder / name, tmp_path / "model" / name, shallow=False)
    assert not filecmp.cmp(folder / "golden.jsonl", tmp_path / "model" / "golden.jsonl", False)


def test_the_fast_scorer_equals_the_plain_pipeline(folder, model, corpus):
    parts = artefact.read_parts(folder, artefact.read_manifest(folder, TEXT_RULES))
    titles, texts = corpus["title"][:300], corpus["text"][:300]
    plain = reference.probabilities(parts, titles, texts)
    assert np.abs(model.probabilities(titles, texts) - plain).max() < 1e-6


def test_golden_answers_are_those_of_the_model(folder, model):
    lines = [json.loads(line) for line in (folder / "golden.jsonl").read_text().splitlines()]
    assert len(lines) == 50
    said = [CODES[g["verified_purchase"]] for g in lines]
    assert set(said) == set(CODES.values())
    p = model.probabilities([g["title"] for g in lines], [g["text"] for g in lines], said)
    assert model.decide(p).tolist() == [g["stars"] for g in lines]
    assert np.abs(p - [g["probabilities"] for g in lines]).max() < 1e-9
    for line in lines:
        words = clean(line["title"], line["text"])
        assert (words.title, words.text) == (line["title"], line["text"])


def test_the_baseline_holds_every_language_of_the_hold_out(folder, corpus):
    held_out = [
        code for code, b in zip(corpus["language"], corpus["bucket"], strict=True) if b < 20
    ]
    baseline = Baseline.load(folder / "baseline")
    assert baseline.rows == len(held_out)
    assert baseline.languages.get("de", 0) == held_out.count("de")
    assert baseline.topic_mean.shape == (50,)


def test_training_json_has_folds_and_rules(folder):
    figures = json.loads((folder / "training.json").read_text())
    assert [fold["fold"] for fold in figures["folds"]] == [0, 1, 2]
    accuracies = [fold["accuracy"] for fold in figures["folds"]]
    assert figures["spread"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    tried = [entry["decision_rule"] for entry in figures["decision_rules"]]
    assert figures["decision_rule"] in tried
    assert all(fold["accuracy"] > fold["majority"] for fold in figures["folds"])


def test_the_manifest_says_where_the_model_comes_from(folder):
    manifest = msgspec.json.decode((folder / "model.json").read_bytes())
    assert manifest["configuration"]["folds"] == 3
    assert manifest["rows"]["languages"]["de"] == 40
    assert (
        manifest["rows"]["training"] + manifest["rows"]["hold_out"]
        <= manifest["rows"]["read"]
        == 2000
    )
    assert not any("time" in key or "date" in key for key in manifest)


def test_plain_is_one_regression(data, tmp_path: Path, fit_model):
    plain = fit_model(data, tmp_path, family="plain")
    assert plain.version_info["views"] == ("both",)
    p = plain.probabilities(["excellent", "terrible"], ["love it", "it broke"])
    assert plain.decide(p).tolist() == [5, 1]
    parts = plain.explain("excellent", "love it", 5)
    assert parts[0].words in ("excellent", "love it", "love")
    manifest = artefact.read_manifest(tmp_path, TEXT_RULES)
    slow = reference.probabilities(artefact.read_parts(tmp_path, manifest), ["ok"], ["it broke"])
    assert np.abs(slow - plain.probabilities(["ok"], ["it broke"])).max() < 1e-6


@pytest.mark.parametrize("balance", ["undersample", "weights"])
def test_other_balances_speak_for_rare_stars(model, data, tmp_path: Path, fit_model, balance):
    other = fit_model(data, tmp_path, balance=balance)
    rows = dataset.read(data, ["en"], range(20))
    usual, changed = (m.probabilities(rows.title, rows.text).mean(axis=0) for m in (model, other))
    assert changed[4] < usual[4]


def test_a_changed_model_is_refused(folder, tmp_path: Path):
    for name in ALL:
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((folder / name).read_bytes())
    StarModel.load(tmp_path)
    content = bytearray((tmp_path / "weights.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "weights.npz").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"weights\.npz"):
        StarModel.load(tmp_path)


def spoil(columns: dict, name: str, value: object) -> dict:
    return {**columns, name: [value] * len(columns[name])}


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (lambda c: {n: v[:200] for n, v in c.items()}, "too few rows: .* at least 300"),
        (lambda c: {n: v[:3] for n, v in c.items()}, "too few rows: .* at least 300"),
        (lambda c: spoil(c, "rating", 5), "one class: every row to learn from has 5 stars"),
        (lambda c: spoil(c, "language", "es"), "too few rows: 0 to learn from .* es 2000"),
        (lambda c: spoil(c, "bucket", 50), "too few users: the hold-out.* has 0 of 2000 rows"),
        (lambda c: spoil(c, "bucket", 5), "too few rows: 0 to learn .*of 2000 rows 2000 are held"),
        (
            lambda c: {**c, "bucket": [b if b < 20 else 50 for b in c["bucket"]]},
            "too few users: without fold 0 of 3 no row is left to learn from",
        ),
        (
            lambda c: {**c, "rating": [5 if b % 3 else 1 for b in c["bucket"]]},
            "too few users: without fold 1 of 3 one star is left to learn from",
        ),
        (
            lambda c: {**c, "text": [f"x{i}y" for i in range(2000)], "title": [""] * 2000},
            "no words in common: no n-gram of (text, title, first, last, short|both)",
        ),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"mode": "streaming"}, {"family": "plain"}])
def test_rows_that_no_model_can_come_of_are_reported(
    corpus, tmp_path: Path, fit_model, save_corpus, spoiled, said, settings
):
    """In every mode and family, in one sentence, before anything is written."""
    data = save_corpus(tmp_path / "data" / "0.parquet", spoiled(corpus))
    with pytest.raises(TrainingError, match=said) as raised:
        fit_model(data, tmp_path / "model", **settings)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "model" / "model.json").exists()


def test_wrong_labels_cost_figures_but_not_the_model(
    corpus, tmp_path: Path, fit_model, save_corpus
):
    random = np.random.default_rng(0)
    noisy = list(corpus["rating"])
    for i in random.choice(len(noisy), len(noisy) // 5, replace=False):
        noisy[i] = int(random.integers(1, 6))
    data = save_corpus(tmp_path / "data" / "0.parquet", corpus | {"rating": noisy})
    model = fit_model(data, tmp_path / "model")
    assert model.decide(model.probabilities(["excellent"], ["love it! perfect."])).tolist() == [5]


FEWER_VIEWS = [
    ({"title": ""}, ["text", "first", "last", "short"], {}),
    ({"title": ""}, ["text", "first", "last", "short"], {"mode": "streaming"}),
    ({"title": ""}, ["both"], {"family": "plain"}),
    ({"text": ""}, ["title", "short"], {}),
    ({"text": ""}, ["title", "short"], {"mode": "streaming"}),
]


@pytest.mark.parametrize(("changes", "views", "settings"), FEWER_VIEWS)
def test_a_view_without_words_is_left_out_and_reported(
    corpus, tmp_path: Path, fit_model, save_corpus, capsys, changes, views, settings
):
    lacking = corpus | {name: [value] * 2000 for name, value in changes.items()}
    data = save_corpus(tmp_path / "data" / "0.parquet", lacking)
    model = fit_model(data, tmp_path / "model", progress=TrainingProgress(), **settings)
    left_out = [] if views == ["both"] else [view for view in VIEWS if view not in views]
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (manifest["views"], manifest["views_left_out"]) == (views, left_out)
    metrics = json.loads((tmp_path / "model" / "training.json").read_text())
    assert metrics.get("views_left_out", []) == left_out
    origin = describe_origin(manifest)
    assert origin.get("left out, for want of words", "") == ", ".join(left_out)
    log = f"left out, for no n-gram occurs often enough: {', '.join(left_out)}"
    assert (log in capsys.readouterr().out) == bool(left_out)
    rows = dataset.read(data, ["en"], range(20))
    p = model.probabilities(rows.title, rows.text, rows.verified_purchase)
    found = parity_checks.check(model, tmp_path / "model", rows, p)
    assert found.passed
    assert metrics_of.headline(rows.rating, model.decide(p), p)["accuracy"] > 0.6
    parts = model.explain(rows.title[0], rows.text[0], 5, int(rows.verified_purchase[0]))
    centred = np.log(p[0]) - np.log(p[0]).mean()
    assert sum(part.contribution for part in parts) == pytest.approx(centred[4], abs=1e-6)


@pytest.mark.parametrize("mode", ["memory", "streaming"])
def test_a_field_that_was_never_learned_from_moves_no_answer(
    corpus, tmp_path: Path, fit_model, save_corpus, mode
):
    """Rows without titles taught nothing of a title's length, exclamation marks or capitals."""
    data = save_corpus(tmp_path / "data" / "0.parquet", corpus | {"title": [""] * 2000})
    model = fit_model(data, tmp_path / "model", mode=mode)
    without, with_title = model.probabilities(["", "TERRIBLE!!!"], ["works well. solid."] * 2)
    assert np.abs(without - with_title).max() < 1e-4


def test_a_star_that_never_occurs_leaves_the_others_as_good(
    corpus, tmp_path: Path, fit_model, save_corpus
):
    """The score of a level that never occurs is one constant, out of fold and in service."""
    ratings = [max(2, rating) for rating in corpus["rating"]]
    data = save_corpus(tmp_path / "data" / "0.parquet", corpus | {"rating": ratings})
    model = fit_model(data, tmp_path / "model")
    rows = dataset.read(data, ["en"], range(20))
    p = model.probabilities(rows.title, rows.text)
    figures = metrics_of.headline(rows.rating, model.decide(p), p)
    out_of_fold = json.loads((tmp_path / "model" / "training.json").read_text())["mean"]
    assert p[:, 0].max() < 0.05
    assert figures["log_loss"] < out_of_fold["log_loss"] + 0.1


def test_the_number_of_threads_changes_no_byte(folder, data, tmp_path: Path, fit_model):
    with threadpool_limits(limits=2):
        fit_model(data, tmp_path)
    same, differ, missing = filecmp.cmpfiles(folder, tmp_path, ALL, shallow=False)
    assert (sorted(same), differ, missing) == (sorted(ALL), [], [])


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["Haswell", "SkylakeX"])
def test_another_kernel_moves_answers_by_far_less_than_the_golden_tolerance(
    folder, data, tmp_path: Path, kernel
):
    """Bytes depend on the processor (README); vocabulary, stars and five digits do not."""
    program = (
        "import sys; from pathlib import Path; from tests.model.conftest import fit; "
        "fit(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, str(data), str(tmp_path / "model")]
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert filecmp.cmp(folder / "vocabulary.txt", tmp_path / "model" / "vocabulary.txt", False)
    golden = [
        [json.loads(line) for line in (place / "golden.jsonl").read_text().splitlines()]
        for place in (folder, tmp_path / "model")
    ]
    here, there = (np.array([g["probabilities"] for g in lines]) for lines in golden)
    assert np.abs(here - there).max() < 1e-6
    assert [g["stars"] for g in golden[0]] == [g["stars"] for g in golden[1]]


ODD_ROWS = [
    lambda c: {**c, "rating": [1 if r < 5 else 5 for r in c["rating"]]},  # two stars of five
    lambda c: {**c, "language": ["es" if b < 20 else "en" for b in c["bucket"]]},  # none judged
    lambda c: {**c, "bucket": [b if b >= 20 or i < 60 else 20 for i, b in enumerate(c["bucket"])]},
    lambda c: {**c, "text": ["love it"] * 1000 + ["it broke"] * 1000, "title": [""] * 2000},
    lambda c: {**c, "language": ["und"] * 2000},
]


@pytest.mark.parametrize("settings", [{}, {"mode": "streaming"}, {"family": "plain"}])
@pytest.mark.parametrize("odd", ODD_ROWS)
def test_odd_rows_give_a_model_that_can_be_loaded_and_answers(
    corpus, tmp_path: Path, fit_model, save_corpus, odd, settings
):
    """Two stars, a foreign hold-out, a dozen rows held out, two texts, no language."""
    data = save_corpus(tmp_path / "data" / "0.parquet", odd(corpus))
    fit_model(data, tmp_path / "model", **settings)
    p = StarModel.load(tmp_path / "model").probabilities(["", "good"], ["love it", "it broke"])
    assert np.isfinite(p).all()
    assert p.sum(axis=1) == pytest.approx(1)
