"""`evaluate` from Parquet and folders to evaluation.json, report and card."""

import json
import shutil
import tarfile
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pytest
from arro3.core import Array, DataType, Table
from arro3.io import read_parquet, write_parquet

from reviews.provenance import PROVENANCE_KEY
from reviews.refine import Options
from training import config
from training.curve import learning_curve
from training.data.dataset import Rows
from training.errors import ArtefactError, DatasetError
from training.evaluate import evaluate
from training.evaluation.champion import compare_with_champion
from training.evaluation.evaluation import Evaluation, read_evaluation
from training.evaluation.scoring import Scored
from training.progress import TrainingProgress
from training.report import ablations, plots
from training.train import train

WORDS = {
    1: "awful broken junk refund",
    2: "poor weak disappointing returned",
    3: "okay average fine decent",
    4: "good solid nice works",
    5: "great love perfect amazing",
}
ROWS = 1500
TOP_LEVEL = {
    *("rows", "majority", "accuracy", "macro_f1", "mae", "qwk", "within_one", "ece"),
    *("per_class", "confusion", "slices", "spread", "champion", "gate"),
}


def write_reviews(folder: Path, rows: int, seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    stars = rng.choice(5, rows, p=[0.13, 0.07, 0.1, 0.2, 0.5]) + 1
    said = np.where(rng.random(rows) < noise, rng.integers(1, 6, rows), stars)
    filler = ["the cable", "my phone", "this case", "a charger", "it came", "for work"]

    def words(star: int) -> str:
        return " ".join([*rng.choice(filler, 4), *rng.choice(WORDS[star].split(), 3)])

    languages = rng.choice(["en", "es"], rows, p=[0.98, 0.02])
    columns = {
        "rating": Array.from_numpy(stars.astype(np.int8)),
        "title": Array([words(star) for star in said], DataType.string()),
        "text": Array([words(star) + ". " + words(star) for star in said], DataType.string()),
        "verified_purchase": Array.from_numpy(rng.random(rows) < 0.7),
        "language": Array(languages.tolist(), DataType.string()),
        "markup": Array.from_numpy(np.zeros(rows, bool)),
        "bucket": Array.from_numpy(rng.integers(0, 100, rows).astype(np.uint8)),
        "review_key": Array.from_numpy(rng.integers(0, 2**60, rows).astype(np.uint64)),
    }
    folder.mkdir(parents=True)
    provenance = {PROVENANCE_KEY: Options().provenance.to_json()}
    file = str(folder / "part.parquet")
    write_parquet(Table.from_pydict(columns), file, key_value_metadata=provenance)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    write_reviews(folder / "data", ROWS, 0, noise=0.2)
    write_reviews(folder / "noisy", 700, 1, noise=0.8)
    plain = msgspec.structs.replace(config.load(), family="plain", folds=2)
    train(folder / "data", folder / "good", plain, progress=TrainingProgress(quiet=True))
    train(folder / "noisy", folder / "bad", plain, progress=TrainingProgress(quiet=True))
    evaluate(folder / "good", folder / "data", folder / "out", folder / "bad")
    return folder


@pytest.fixture
def figures(place: Path) -> Evaluation:
    return read_evaluation(place / "out")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take two thirds of an evaluation: those of `place` are looked at, and drawn twice."""
    monkeypatch.setattr(plots, "_svg", lambda *_, **__: "<svg></svg>")


def test_it_leaves_every_promised_figure(place: Path, figures: Evaluation) -> None:
    written = json.loads((place / "out" / "evaluation.json").read_text())
    assert set(written) >= TOP_LEVEL
    assert set(written["gate"]) >= {"passed", "message", "conditions"}
    assert sum(map(sum, figures.confusion)) == figures.rows
    groupings = ("length", "verified_purchase", "language")
    pairs = {f"{one} and {other}" for one, other in combinations(groupings, 2)}
    assert set(figures.slices) == {*groupings, *pairs}
    assert figures.slices["language"]["es"].rows == figures.other_languages
    assert figures.parity_checks.passed
    assert figures.parity_checks.reference.rows > 100


def test_only_the_hold_out_is_judged(place: Path, figures: Evaluation, undrawn: None) -> None:
    everything = evaluate(place / "good", place / "data", place / "everything", all_rows=True)
    assert figures.rows < 0.25 * everything.rows
    assert everything.scope == "all rows"
    assert everything.rows + everything.other_languages == ROWS
    assert read_evaluation(place / "everything") == everything


def test_a_better_model_beats_its_champion_and_not_the_other_way(
    place: Path, figures: Evaluation, undrawn: None
) -> None:
    assert figures.champion is not None
    low = figures.champion.differences["accuracy"].low
    assert low is not None
    assert low > 0
    refused = evaluate(place / "bad", place / "data", place / "refused", place / "good")
    assert not refused.gate.passed
    assert "worse than the champion" in refused.gate.message
    assert (place / "refused" / "report.html").is_file()


def test_a_folder_without_a_model_is_no_champion(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("nothing is in service")
    rows = Rows(*(np.zeros(0) for _ in range(8)))
    nobody = Scored(rows, np.zeros((0, 5)), np.zeros(0, np.int64))
    assert compare_with_champion(tmp_path, nobody, (), print) is None
    assert compare_with_champion(None, nobody, (), print) is None


def test_a_packed_model_gives_the_same_bytes(place: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    with tarfile.open(packed / "model.tar.gz", "w:gz") as archive:
        archive.add(place / "good", ".")
    evaluate(packed, place / "data", tmp_path / "out", place / "bad")
    cards = ("model_card.md", "model_card.json")
    for name in ("evaluation.json", "report.html", *cards, "baseline/baseline.npz"):
        assert (tmp_path / "out" / name).read_bytes() == (place / "out" / name).read_bytes()


def test_the_report_is_one_file_that_needs_no_other(place: Path) -> None:
    page = (place / "out" / "report.html").read_text()
    for outside in ("<script", "<link", "src=", "@import", "url(http"):
        assert outside not in page
    assert page.count("<svg") >= 9
    for entry in ablations.CLASSIFIERS:
        assert entry.variant in page
        assert f"{entry.log_loss:.4f}" in page
    card = (place / "out" / "model_card.md").read_text()
    assert "## Limits" in card


def test_of_a_large_hold_out_a_sample_is_judged_and_it_is_said(
    place: Path, tmp_path: Path, undrawn: None
) -> None:
    text = config.DEFAULT_PATH.read_text().replace("max_rows: 200000", "max_rows: 100")
    (tmp_path / "model.yaml").write_text(text)
    settings = tmp_path / "model.yaml"
    found = evaluate(place / "good", place / "data", tmp_path / "out", settings=settings)
    assert found.rows + found.other_languages == 100
    assert found.drawn_from > 200
    said = f"users that no fit saw, drawn at random from {found.drawn_from:,}"
    for name in ("report.html", "model_card.md"):
        assert said in (tmp_path / "out" / name).read_text()


def test_bad_input_is_named_and_nothing_is_written(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "good", tmp_path / "tampered")
    with (tmp_path / "tampered" / "weights.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ArtefactError, match=r"weights\.npz"):
        evaluate(tmp_path / "tampered", place / "data", tmp_path / "out")
    with pytest.raises(DatasetError):
        evaluate(place / "good", tmp_path / "nothing", tmp_path / "out")
    shutil.copytree(place / "data", tmp_path / "data")
    (path,) = (tmp_path / "data").iterdir()
    other = {PROVENANCE_KEY: Options(detector="py3langid-139").provenance.to_json()}
    write_parquet(read_parquet(str(path)).read_all(), str(path), key_value_metadata=other)
    with pytest.raises(DatasetError, match=r"by py3langid-25, these rows were .* py3langid-139"):
        evaluate(place / "good", tmp_path / "data", tmp_path / "out")
    with pytest.raises(ArtefactError, match=r"asked: weights\.npz.*make learn ALONE=1"):
        evaluate(place / "good", place / "data", tmp_path / "out", tmp_path / "tampered")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_learning_curve_stands_in_the_report(place: Path, tmp_path: Path) -> None:
    plain = msgspec.structs.replace(config.load(), family="plain", folds=2)
    curve = learning_curve(
        place / "data", plain, shares=(0.25, 1.0), progress=TrainingProgress(quiet=True)
    )
    few, all_of_them = curve["points"]
    assert few["rows"] < 0.3 * all_of_them["rows"]
    assert few["accuracy"] <= all_of_them["accuracy"] + 0.05
    (tmp_path / "curve.json").write_text(json.dumps(curve))
    evaluate(place / "good", place / "data", tmp_path, curve=tmp_path / "curve.json")
    assert "More data?" in (tmp_path / "report.html").read_text()
