"""The streaming mode: the same model in constant memory, and nothing but the mode differs."""

import filecmp
import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from training import config
from training.data import dataset
from training.errors import TrainingError
from training.evaluation import metrics, parity_checks
from training.fit.choose_mode import load_training_set
from training.model import artefact
from training.model.artefact import FILES
from training.model.star_model import StarModel
from training.progress import TrainingProgress


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory, data: Path, fit_model) -> Path:
    out = tmp_path_factory.mktemp("streamed")
    fit_model(data, out, mode="streaming")
    return out


def test_it_is_about_as_good_as_in_memory(streamed: Path, model: StarModel, data: Path):
    rows = dataset.read(data, ["en"], range(20))

    def accuracy(judged: StarModel) -> float:
        p = judged.probabilities(rows.title, rows.text)
        return metrics.headline(rows.rating, judged.decide(p), p)["accuracy"]

    assert accuracy(StarModel.load(streamed)) > accuracy(model) - 0.05


def test_other_files_in_another_order_with_copies_give_the_same_bytes(
    streamed: Path, corpus, tmp_path: Path, fit_model, save_corpus
):
    order = np.random.default_rng(3).permutation(len(corpus["rating"])).tolist()
    save_corpus(tmp_path / "data" / "deep" / "b.parquet", corpus, order[:1500])
    save_corpus(tmp_path / "data" / "a.parquet", corpus, order[1200:])
    fit_model(tmp_path / "data", tmp_path / "model", mode="streaming")
    names = (*FILES, "model.json")
    same, differ, missing = filecmp.cmpfiles(streamed, tmp_path / "model", names, shallow=False)
    assert (sorted(same), differ, missing) == (sorted(names), [], [])


def test_the_hold_out_never_reaches_a_fit(streamed, corpus, tmp_path, fit_model, save_corpus):
    changed = {name: list(values) for name, values in corpus.items()}
    for i, bucket in enumerate(changed["bucket"]):
        if bucket < 20:
            changed["rating"][i] = 6 - changed["rating"][i]
            changed["text"][i] += " hidden words hidden words"
    data = save_corpus(tmp_path / "data" / "0.parquet", changed)
    fit_model(data, tmp_path / "model", mode="streaming")
    for name in ("weights.npz", "training.json"):
        assert filecmp.cmp(streamed / name, tmp_path / "model" / name, shallow=False)


def test_every_path_gives_the_same_answers(streamed: Path, data: Path):
    """One by one, by scikit-learn over strings, and as the golden set was recorded."""
    judged = StarModel.load(streamed)
    rows = dataset.read(data, ["en"], range(20))
    p = judged.probabilities(rows.title, rows.text, rows.verified_purchase)
    found = parity_checks.check(judged, streamed, rows, p)
    assert found.passed
    assert found.reference.rows >= 300
    assert found.reference.largest_difference < 1e-9


def test_its_words_are_named_and_sum_to_the_logit(streamed: Path, data: Path):
    judged = StarModel.load(streamed)
    rows = dataset.read(data, ["en"], range(3))
    p = judged.probabilities(rows.title, rows.text)
    centred = np.log(p) - np.log(p).mean(axis=1, keepdims=True)
    for i in range(20):
        parts = judged.explain(rows.title[i], rows.text[i], 5)
        assert sum(c.contribution for c in parts) == pytest.approx(centred[i, 4], abs=1e-6)
    strongest = judged.explain("", "the bag came in a box. terrible!", 1)[:4]
    assert any("terrible" in c.words for c in strongest)


def test_it_still_knows_what_it_never_read(streamed: Path):
    """Else the drift check would be deaf to new words."""
    seen = (
        StarModel.load(streamed)
        .observe(
            ["", ""], ["love it", "zugzwang krk"], languages=["en", "en"], markup=[False, False]
        )
        .observations
    )
    assert seen.oov_share.tolist() == [0.0, 1.0]


def test_the_manifest_says_how_it_was_trained(streamed: Path, folder: Path):
    manifests = [msgspec.json.decode((f / "model.json").read_bytes()) for f in (streamed, folder)]
    assert [manifest["mode"] for manifest in manifests] == ["streaming", "memory"]
    assert [manifest["hash_bits"] for manifest in manifests] == [21, 0]
    assert manifests[0]["rows"] == manifests[1]["rows"]
    assert (streamed / "vocabulary.txt").read_bytes() == b""


@pytest.mark.parametrize("balance", ["undersample", "weights"])
def test_other_balances_speak_for_rare_stars(streamed, data, tmp_path, fit_model, balance):
    other = fit_model(data, tmp_path, mode="streaming", balance=balance)
    rows = dataset.read(data, ["en"], range(20))
    both = (StarModel.load(streamed), other)
    usual, changed = (m.probabilities(rows.title, rows.text).mean(axis=0) for m in both)
    assert changed[4] < usual[4]


def test_samples_may_be_smaller_than_the_rows(data: Path, tmp_path: Path, corpus, fit_model):
    few = {"vocabulary_rows": 900, "stacking_rows": 700, "hold_out_rows": 100, "batch_rows": 64}
    model = fit_model(data, tmp_path, mode="streaming", streaming=few)
    figures = json.loads((tmp_path / "training.json").read_text())
    assert sum(fold["rows"] for fold in figures["folds"]) == 700
    assert json.loads((tmp_path / "baseline/baseline.json").read_text())["rows"] == 100
    assert model.version_info["rows"]["read"] == len(corpus["rating"])
    assert model.decide(model.probabilities(["excellent"], ["love it! perfect."])).tolist() == [5]


class Logged(TrainingProgress):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.mark.parametrize(
    ("gigabytes", "mode", "chosen", "logged"),
    [
        (4.0, "auto", "memory", r"about 0\.0 GB in memory: learning in memory$"),
        (1e-6, "auto", "streaming", r"GB in memory, more than 1e-06: streaming, hashed n-grams$"),
        (4.0, "streaming", "streaming", r"GB in memory: streaming, .* \(as configured\)$"),
        (1e-6, "memory", "memory", r"GB in memory: learning in memory \(as configured\)$"),
    ],
)
def test_the_mode_follows_from_the_size_and_is_logged(data: Path, gigabytes, mode, chosen, logged):
    settings = config.load().with_overrides({"mode": mode})
    streaming = msgspec.structs.replace(settings.streaming, memory_gigabytes=gigabytes)
    progress = Logged()
    settings = msgspec.structs.replace(settings, streaming=streaming)
    with load_training_set(data, settings, progress) as found:
        assert found.mode == chosen
    assert any(re.search(logged, line) for line in progress.lines)


def test_plain_does_not_stream_and_says_so(data: Path, tmp_path: Path, fit_model):
    with pytest.raises(TrainingError, match="plain family cannot stream"):
        fit_model(data, tmp_path, mode="streaming", family="plain")


@pytest.mark.parametrize("hash_bits", [-1, 3, 20, 22, 40, 10**9])
def test_another_number_of_buckets_is_refused(streamed: Path, tmp_path: Path, hash_bits):
    for name in (*FILES, "model.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((streamed / name).read_bytes())
    manifest = msgspec.json.decode((tmp_path / "model.json").read_bytes())
    manifest["hash_bits"] = hash_bits
    manifest["sha256"] = artefact.digest_manifest(manifest)
    (tmp_path / "model.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(artefact.ArtefactError):
        StarModel.load(tmp_path)


def test_where_no_word_is_known_it_answers_with_the_base_rate_too(streamed: Path):
    judged = StarModel.load(streamed)
    by_star = np.array(judged.version_info["rows"]["training_by_star"])
    found = judged.observe(
        ["", ""], ["zugzwang krk!", "love it"], languages=["en"] * 2, markup=[False] * 2
    )
    assert found.known_words.tolist() == [0, 2]
    assert found.probabilities[0] == pytest.approx(by_star / by_star.sum())
