"""Rows: the same ones, whatever files they came in."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reviews import parquet
from reviews.clean import TEXT_RULES
from reviews.provenance import PROVENANCE_KEY
from reviews.refine import Options, refine_stream
from training import config as configuration
from training.data import dataset
from training.errors import DatasetError
from training.fit import row_counts

TYPES = {
    "rating": pa.int8(),
    "title": pa.string(),
    "text": pa.string(),
    "verified_purchase": pa.bool_(),
    "language": pa.string(),
    "markup": pa.bool_(),
    "bucket": pa.uint8(),
    "review_key": pa.uint64(),
}


def table(keys: Sequence[int]) -> dict[str, list]:
    return {
        "rating": [k % 5 + 1 for k in keys],
        "title": [f"title {k}" for k in keys],
        "text": [f"text {k}" for k in keys],
        "verified_purchase": [(True, False, None)[k % 3] for k in keys],
        "language": [("en", "de", "und")[k % 3] for k in keys],
        "markup": [k % 2 == 0 for k in keys],
        "bucket": [k % 100 for k in keys],
        "review_key": [k * 7919 % 10_007 for k in keys],
    }


def write(path: Path, columns: dict[str, list], types=TYPES, provenance: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = pa.table({n: pa.array(columns[n], types[n]) for n in columns})
    pq.write_table(written.replace_schema_metadata({PROVENANCE_KEY: provenance}), path)


def test_files_of_any_depth_are_read_once_each_review(tmp_path: Path):
    write(tmp_path / "a" / "b" / "0.parquet", table(range(60)))
    write(tmp_path / "1.parquet", table(range(50, 100)))
    rows = dataset.read(tmp_path)
    assert len(rows) == 100
    assert len(np.unique(rows.review_key)) == 100
    assert set(rows.verified_purchase.tolist()) == {1, 0, -1}


def test_order_does_not_depend_on_files(tmp_path: Path):
    write(tmp_path / "one" / "0.parquet", table(range(100)))
    write(tmp_path / "two" / "x.parquet", table(range(99, 40, -1)))
    write(tmp_path / "two" / "sub" / "y.parquet", table(range(41)))
    one, two = dataset.read(tmp_path / "one"), dataset.read(tmp_path / "two")
    assert one.text == two.text
    assert one.review_key.tolist() == two.review_key.tolist()


def test_languages_and_buckets_are_chosen(tmp_path: Path):
    write(tmp_path / "0.parquet", table(range(100)))
    rows = dataset.read(tmp_path, ["de"], range(20))
    assert set(rows.language.tolist()) == {"de", "und"}
    assert rows.bucket.max() < 20
    assert rows.held_out.all()


def test_a_few_words_of_another_language_are_counted_and_not_learned(tmp_path: Path):
    columns = table(range(1000))
    columns["text"] = ["Muy bueno" if k % 9 == 2 else "Good" for k in range(1000)]  # 111, all und
    columns["title"] = [""] * 1000
    write(tmp_path / "0.parquet", columns)
    rows = dataset.read(tmp_path)
    learned = rows.take(rows.in_languages(["en"]))
    assert "Muy bueno" not in learned.text
    assert set(learned.language.tolist()) == {"en", "und"}
    assert rows.in_languages(["en", "es"]).sum() == 1000 - 333  # of German
    config = configuration.load()
    counts = row_counts.count_rows([rows], config)
    assert counts.languages == {"de": 333, "en": 334, "und": 222, "und-other": 111}
    assert counts.training == len(row_counts.training_rows(rows, config))
    assert counts.read == sum(counts.languages.values())


def test_all_rows_of_a_bucket_share_a_fold(tmp_path: Path):
    write(tmp_path / "0.parquet", table(range(1000)))
    rows = dataset.read(tmp_path, None, range(20, 100))
    folds = rows.folds(5)
    assert set(folds.tolist()) == {0, 1, 2, 3, 4}
    assert all(len(set(folds[rows.bucket == b].tolist())) == 1 for b in range(20, 100))


def test_no_file_is_said(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DatasetError, match="no Parquet"):
            dataset.read(folder)


def test_files_without_rows_are_said(tmp_path: Path):
    write(tmp_path / "0.parquet", table([]))
    with pytest.raises(DatasetError, match="no row"):
        dataset.read(tmp_path)


@pytest.mark.parametrize(
    ("column", "values", "kind", "said"),
    [
        ("rating", [1, 6], pa.int8(), "rating"),
        ("rating", [1, None], pa.int8(), "nulls"),
        ("rating", [1.0, float("nan")], pa.float32(), "whole numbers"),
        ("text", ["a", None], pa.string(), "text"),
        ("bucket", [1, 200], pa.uint8(), "bucket"),
    ],
)
def test_a_column_that_is_not_as_the_dictionary_says_is_named(
    tmp_path: Path, column, values, kind, said
):
    write(tmp_path / "0.parquet", table(range(2)) | {column: values}, TYPES | {column: kind})
    with pytest.raises(DatasetError, match=said):
        dataset.read(tmp_path)


def test_a_missing_column_and_a_broken_file_are_named(tmp_path: Path):
    columns = table(range(2))
    del columns["language"]
    write(tmp_path / "short" / "0.parquet", columns)
    with pytest.raises(DatasetError, match="no column language"):
        dataset.read(tmp_path / "short")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DatasetError, match=r"1\.parquet"):
        dataset.read(tmp_path / "broken")


def test_rows_say_by_which_detector_their_languages_were_told(tmp_path: Path):
    provenance = Options(detector="py3langid-139").provenance.to_json()
    for name in ("a", "b"):
        write(tmp_path / f"{name}.parquet", table(range(9)), provenance=provenance)
    assert dataset.detector(tmp_path) == "py3langid-139"


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ("", "does not say by what it was made"),
        ("py3langid-25", "does not say"),
        ('{"text_rules": 1, "detector": "py3langid-25"}', "does not say"),
        ('{"text_rules": "0", "detector": "py3langid-25"}', "cleaned by text rules 0"),
        (
            Options(detector="py3langid-139").provenance.to_json(),
            r"a\.parquet by py3langid-25, b\.parquet by",
        ),
    ],
)
def test_rows_that_were_not_all_made_in_our_way_are_refused(tmp_path: Path, provenance, words):
    write(tmp_path / "a.parquet", table(range(9)), provenance=Options().provenance.to_json())
    write(tmp_path / "b.parquet", table(range(9)), provenance=provenance)
    with pytest.raises(DatasetError, match=f"{words}.*refine the raw files again"):
        dataset.detector(tmp_path)


def test_a_file_that_we_made_ourselves_says_our_rules(tmp_path: Path):
    with (tmp_path / "0.parquet").open("w+b") as file:
        parquet.write(refine_stream(io.BytesIO(b'{"rating": 5, "text": "good"}')), file)
    told = pq.read_schema(tmp_path / "0.parquet").metadata[PROVENANCE_KEY.encode()]
    assert json.loads(told) == {"text_rules": TEXT_RULES, "detector": "py3langid-25"}
    assert dataset.detector(tmp_path) == "py3langid-25"


@pytest.mark.parametrize("most", [1, 7, 30, 50, 99, 100, 1000])
@pytest.mark.parametrize("batch_rows", [8, 8192])
def test_a_sample_is_the_rows_with_the_lowest_keys(tmp_path: Path, most, batch_rows, monkeypatch):
    monkeypatch.setattr(dataset.batches, "__defaults__", (batch_rows,))
    write(tmp_path / "0.parquet", table(range(60)))
    write(tmp_path / "1.parquet", table(range(50, 100)))
    whole = dataset.read(tmp_path)
    rows, drawn_from = dataset.sample(tmp_path, most)
    assert drawn_from == (110 if most < 100 else 0)  # copies too; nothing drawn where all are taken
    assert rows.text == whole.text[:most]
    held_out, of = dataset.sample(tmp_path, most, range(20))
    assert of == (20 if most < 20 else 0)
    assert held_out.text == dataset.read(tmp_path, None, range(20)).text[:most]


@pytest.mark.parametrize("most", [5, 20, 21])
def test_copies_alone_are_no_sample(tmp_path: Path, most, monkeypatch):
    monkeypatch.setattr(dataset.batches, "__defaults__", (8,))
    for name in range(4):
        write(tmp_path / f"{name}.parquet", table(range(20)))
    rows, drawn_from = dataset.sample(tmp_path, most)
    assert rows.text == dataset.read(tmp_path).text[:most]
    assert drawn_from == (80 if most < 20 else 0)
