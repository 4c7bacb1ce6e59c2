"""The folder: what is written is read, and nothing else is."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitoring.arrays import read_npz, write_npz
from reviews.clean import TEXT_RULES
from training.errors import ArtefactError
from training.features.tokens import TOKEN_RULES
from training.model import artefact
from training.model.star_model import StarModel

ROWS = {"read": 9, "training": 9, "hold_out": 0, "training_by_star": [1] * 5, "languages": {}}


def digest_again(folder: Path) -> None:
    """Make the digests fit again: what a careful tamperer would do."""
    manifest = msgspec.json.decode((folder / "model.json").read_bytes())
    about = {k: v for k, v in manifest.items() if k != "files"}
    artefact.write_manifest(folder, about, 40)


def change_manifest(folder: Path, *, digested: bool, **changes: object) -> None:
    """digested: as a careful tamperer would, else only what stands there."""
    manifest = msgspec.json.decode((folder / "model.json").read_bytes()) | changes
    if digested:
        manifest["sha256"] = artefact.digest_manifest(manifest)
    (folder / "model.json").write_bytes(msgspec.json.encode(manifest))


def change_array(folder: Path, name: str, change) -> None:
    arrays = read_npz(folder / "weights.npz")
    arrays[name] = change(arrays[name])
    write_npz(folder / "weights.npz", arrays)
    digest_again(folder)


def test_what_is_written_is_read(model_folder: Path, parts, reviews):
    model = StarModel.load(model_folder)
    expected = parts.scorer().probabilities(*reviews)
    assert (model.probabilities(*reviews) == expected).all()
    assert model.languages == ("en",)
    assert model.version == model.version_info["version"]


def test_the_version_may_come_from_outside(model_folder: Path, monkeypatch):
    monkeypatch.setenv("MODEL_VERSION", "7")
    assert StarModel.load(model_folder).version == "7"


@pytest.mark.parametrize("name", [*artefact.FILES, "model.json"])
def test_a_file_that_is_missing_is_noticed(model_folder: Path, name):
    (model_folder / name).unlink()
    with pytest.raises(ArtefactError):
        StarModel.load(model_folder)


@pytest.mark.parametrize("name", artefact.FILES)
def test_a_changed_byte_is_noticed(model_folder: Path, name):
    path = model_folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtefactError, match=name):
        StarModel.load(model_folder)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "review-stars model 0"},
        {"text_rules": "0"},
        {"token_rules": "0"},
        {"views": ["text", "text"]},
        {"views": ["../text"]},
        {"views": ["title", "text", "first", "last"]},
        {"views": ["text", "title", "first"]},
        {"views": ["text", "first", "title", "last"]},
        {"views": ["both"]},
        {"views": []},
        {"languages": []},
        {"rows": {}},
        {"rows": ROWS | {"training_by_star": [1, 2, 3, 4]}},
        {"rows": ROWS | {"training_by_star": [1, 2, 3, 4, -5]}},
        {"rows": ROWS | {"training_by_star": [1, 2, 3, 4, "5"]}},
        {"edge_tokens": 0},
        {"edge_tokens": -1},
        {"edge_tokens": 10**15},
        {"clip": 0.0},
        {"clip": -8.0},
        {"clip": None},
        {"nets": -1},
        {"nets": 10**9},
        {"ngrams": -1},
        {"hash_bits": -1},
        {"hash_bits": 40},
        {"decision_rule": {"name": "prior", "strength": 0.2}},
        {"decision_rule": {"name": "prior", "strength": 0.2, "prior": [0.2, 0.8]}},
        {"decision_rule": {"name": "prior", "strength": 0.2, "prior": [0.0, 0.2, 0.2, 0.2, 0.4]}},
        {"decision_rule": {"name": "cost", "strength": 7}},
        {"files": {"../../etc/passwd": {"bytes": 1, "sha256": ""}}},
        {"ngrams": 9},
        {"nets": 1},
        {"nets": 3},
        {"hash_bits": 12},
        {"decision_rule": {"name": "coin"}},
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(model_folder: Path, change):
    change_manifest(model_folder, digested=True, **change)
    with pytest.raises(ArtefactError):
        StarModel.load(model_folder)


@pytest.mark.parametrize("name", ["format", "text_rules", "token_rules"])
def test_a_model_of_another_version_is_refused_by_name(model_folder: Path, name):
    """Even where its manifest has other fields than ours."""
    (model_folder / "model.json").write_bytes(
        msgspec.json.encode(
            {
                "format": artefact.MODEL_FORMAT,
                "text_rules": TEXT_RULES,
                "token_rules": TOKEN_RULES,
                name: "of old",
            }
        )
    )
    with pytest.raises(ArtefactError, match=f"the model's {name} is 'of old'"):
        StarModel.load(model_folder)


@pytest.mark.parametrize(
    "change",
    [{"decision_rule": {"name": "argmax"}}, {"clip": 7.0}, {"edge_tokens": 39}, {"provenance": {}}],
)
def test_a_manifest_that_was_edited_is_noticed(model_folder: Path, change):
    change_manifest(model_folder, digested=False, **change)
    with pytest.raises(ArtefactError, match="not as it was written"):
        StarModel.load(model_folder)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("text.weights", lambda a: a[:-1]),
        ("text.weights", lambda a: a.astype(np.float64)),
        ("text.weights", lambda a: np.full_like(a, np.nan)),
        ("text.weights", lambda a: a[:, :3]),
        ("text.ngrams", lambda a: a + 100),
        ("text.ngrams", lambda a: a - 1000),
        ("text.ngrams", lambda a: a[::-1]),
        ("stack.mean", lambda a: a[:-1]),
        ("stack.scale", lambda a: a * 0),
        ("net0.outer", lambda a: a[:, :4]),
        ("topics.weights", lambda a: a[:-1]),
        ("topics.ngrams", lambda a: a + 5),
    ],
)
def test_weights_that_do_not_match_are_refused(model_folder: Path, name, change):
    change_array(model_folder, name, change)
    with pytest.raises(ArtefactError):
        StarModel.load(model_folder)


def test_an_array_too_many_is_refused(model_folder: Path):
    arrays = read_npz(model_folder / "weights.npz")
    write_npz(model_folder / "weights.npz", arrays | {"extra": np.zeros(1, np.float32)})
    digest_again(model_folder)
    with pytest.raises(ArtefactError, match="no model has"):
        StarModel.load(model_folder)


def test_pickle_is_never_read(model_folder: Path):
    np.savez(model_folder / "weights.npz", **{"topics.ngrams": np.array([{"a": 1}], dtype=object)})
    digest_again(model_folder)
    with pytest.raises(ArtefactError):
        StarModel.load(model_folder)


def test_another_vocabulary_is_refused(model_folder: Path):
    path = model_folder / "vocabulary.txt"
    path.write_text(path.read_text().replace("not good", "not so good"))
    digest_again(model_folder)
    with pytest.raises(ArtefactError, match="vocabulary"):
        StarModel.load(model_folder)


def test_a_link_out_of_the_folder_is_refused(model_folder: Path, tmp_path: Path):
    shutil.move(model_folder / "golden.jsonl", tmp_path / "elsewhere")
    (model_folder / "golden.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="golden"):
        StarModel.load(model_folder)


def test_a_model_too_large_gets_no_manifest(model_folder: Path):
    with pytest.raises(ArtefactError, match="max_bigrams"):
        artefact.write_manifest(model_folder, {}, 0.001)
