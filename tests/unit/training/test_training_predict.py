"""Predict: one answer a row, in order, whatever the row."""

import gzip
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from monitoring.observations import read_jsonl
from reviews import language
from reviews.file_kind import check_file
from reviews.golden import GOLDEN_TOLERANCE
from training.__main__ import main
from training.errors import ConfigurationError, OutputError, UnreadableSourceError
from training.model import artefact
from training.model.answer import RawReview, prepare, rate
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.serving import serve
from training.serving.predict import predict
from training.serving.tables import Raw, Refused, read_rows

ROOT = Path(__file__).parents[3]
QUIET = TrainingProgress(quiet=True)
GOOD = {"title": "good", "text": "it is &lt;b&gt;good&lt;/b&gt;, &amp; they don't know"}
LINES = [
    json.dumps({"rating": 5.0, **GOOD}),
    "{broken",
    json.dumps({"title": None, "text": "das ist nicht gut und ich bin sehr traurig"}),
    "",
    json.dumps({"title": "no text"}),
    json.dumps({"text": 7}),
    json.dumps({"text": "<br>"}),
    json.dumps({"text": "very bad <", "title": "!", "language": "en", "markup": False}),
    json.dumps([1]),
    json.dumps({"text": "x" * (1 << 20)}),
    json.dumps({"text": "not good"}),
]
REASONS = ["", "not_json", "", "missing_field", "wrong_type", "no_text", ""]
REASONS += ["not_an_object", "too_long", ""]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_bytes("\n".join(LINES).encode() + b'\n{"text": "\xff"}\n')
    return path


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_row_stays_in_its_place(model_folder: Path, source: Path, tmp_path: Path):
    out, seen = tmp_path / "out.jsonl", tmp_path / "seen.jsonl"
    assert predict(model_folder, source, out, seen, progress=QUIET) == 11
    rows = read(out)
    assert [row["row"] for row in rows] == list(range(11))
    assert [row["reason"] for row in rows] == [*REASONS, "not_utf8"]
    assert rows[1]["raw"] == "{broken"
    assert all((row["stars"] is None) == bool(row["reason"]) for row in rows)
    observed = read_jsonl(seen)
    assert len(observed) == 4
    assert observed.markup.tolist() == [True, False, False, False]


def test_answers_are_those_of_the_endpoint(model, model_folder: Path, source: Path, tmp_path: Path):
    predict(model_folder, source, tmp_path / "out.jsonl", progress=QUIET)
    rows = read(tmp_path / "out.jsonl")
    answer = rate(model, prepare([GOOD["title"]], [GOOD["text"]], [None], model.detector))[0]
    assert rows[0]["probabilities"] == pytest.approx(answer.probabilities, abs=1e-12)
    assert (rows[2]["language"], rows[2]["supported"]) == ("de", False)
    assert [rows[0]["known_words"], rows[2]["known_words"]] == [answer.known_words, 0]
    assert rows[1]["known_words"] is None


def test_what_is_curated_is_not_cleaned_again(model, model_folder, source: Path, tmp_path: Path):
    predict(model_folder, source, tmp_path / "out.jsonl", progress=QUIET)
    p = model.probabilities(["!"], ["very bad <"])[0]
    assert read(tmp_path / "out.jsonl")[6]["probabilities"] == pytest.approx(p, abs=1e-12)


def write_source(path: Path) -> Path:
    """1,200 reviews of several lengths, every seventh unreadable."""
    random = np.random.default_rng(0)
    words = ["good", "bad", "it", "is", "not", "very", "don't", "5", "stars", "unheard", "!"]
    texts = [" ".join(random.choice(words, random.integers(1, 60))) for _ in range(1200)]
    lines = [json.dumps({"text": text}) if i % 7 != 3 else "{" for i, text in enumerate(texts)]
    path.write_text("\n".join(lines))
    return path


def check_that_a_stopped_run_goes_on(model_folder: Path, folder: Path, stops: int) -> None:
    """Stop a run at so many places, within lines and between them; each ends in the same bytes."""
    whole, out, seen, all_seen = (folder / f"{name}.jsonl" for name in ("a", "b", "c", "d"))
    source = write_source(folder / "in.jsonl")
    predict(model_folder, source, whole, all_seen, progress=QUIET)
    answers, observed = whole.read_bytes(), all_seen.read_bytes()
    for stop in range(stops + 1):
        out.write_bytes(answers[: len(answers) * stop // stops])
        # Observations are written first; after a loss of power there may be fewer all the same.
        ahead = min(max(0, stop + stop % 3 - 1), stops)
        seen.write_bytes(observed[: len(observed) * ahead // stops])
        assert predict(model_folder, source, out, seen, resume=True, progress=QUIET) == 1200
        assert out.read_bytes() == answers, f"stopped at {stop} of {stops}"
        assert seen.read_bytes() == observed, f"stopped at {stop} of {stops}"


def test_a_run_that_stopped_goes_on(model_folder: Path, tmp_path: Path):
    check_that_a_stopped_run_goes_on(model_folder, tmp_path, 7)


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("kernel", ["Haswell", "Zen", "SkylakeX"])
def test_where_a_run_stopped_leaves_no_trace_on_any_processor(
    model_folder: Path, tmp_path: Path, kernel: str, threads: str
):
    """OpenBLAS has other arithmetic for each processor; only some sum a row by its place."""
    if kernel == "SkylakeX" and "X86_V4" not in np.show_config("dicts")["SIMD Extensions"]["found"]:
        pytest.skip("this processor has no AVX-512")
    environment = {
        **os.environ,
        "OPENBLAS_CORETYPE": kernel,
        "OPENBLAS_NUM_THREADS": threads,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/unit/training'}",
    }
    program = (
        "import sys, numpy\n"  # before `training`, which asks for one thread
        "from pathlib import Path\n"
        "from test_training_predict import check_that_a_stopped_run_goes_on as check\n"
        "check(Path(sys.argv[1]), Path(sys.argv[2]), 40)\n"
    )
    words = [sys.executable, "-c", program, str(model_folder), str(tmp_path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    # Between processors the last bits differ, by far less than a golden answer may.
    predict(model_folder, tmp_path / "in.jsonl", tmp_path / "here.jsonl", progress=QUIET)
    theirs, ours = read(tmp_path / "a.jsonl"), read(tmp_path / "here.jsonl")
    assert [row["stars"] for row in theirs] == [row["stars"] for row in ours]
    for there, here in zip(theirs, ours, strict=True):
        if not here["reason"]:
            wanted = pytest.approx(here["probabilities"], abs=GOLDEN_TOLERANCE / 1e6)
            assert there["probabilities"] == wanted


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"text": "good"}\n'.encode("utf-16"), "is text in UTF-16: convert it first"),
        (b"rating,text\n5,good\n1,bad\n", "is a table (CSV): convert it first"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        (b'[\n {"text": "good"},\n {"text": "bad"}\n]\n', "is one JSON array: convert it first"),
        (b"<!doctype html><html></html>\n", "is an HTML page"),
        (b"PK\x03\x04 and so on", "is a zip archive: unpack it first"),
        (b"", "is empty"),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_file_that_is_something_else_is_named_as_refine_names_it(
    model_folder: Path, tmp_path: Path, body: bytes, reason: str, suffix: str
):
    source, out = tmp_path / f"in{suffix}", tmp_path / "out.jsonl"
    source.write_bytes(body)
    with pytest.raises(UnreadableSourceError, match=re.escape(f"{source} {reason}")):
        predict(model_folder, source, out, progress=QUIET)
    assert not out.exists()
    if suffix == ".jsonl":
        with pytest.raises(UnreadableSourceError, match=re.escape(reason)):
            check_file(source)


def test_a_rating_of_any_scale_is_no_reason_to_refuse(model_folder: Path, tmp_path: Path):
    lines = [b'{"rating": %d, "text": "not good"}\n' % rating for rating in (10, 9, 8, 7, 6)]
    (tmp_path / "in.jsonl").write_bytes(b"".join(lines))
    predict(model_folder, tmp_path / "in.jsonl", tmp_path / "out.jsonl", progress=QUIET)
    assert [row["reason"] for row in read(tmp_path / "out.jsonl")] == [""] * 5
    with pytest.raises(UnreadableSourceError, match="another scale"):
        check_file(tmp_path / "in.jsonl")  # refine needs stars


def test_a_file_is_read_by_what_it_holds_not_by_its_name(model_folder: Path, tmp_path: Path):
    line = b'\xef\xbb\xbf{"text": "good"}\n{"text": "bad"}\n'
    for name, body in (("a.jsonl", gzip.compress(line)), ("b.jsonl.gz", line)):
        (tmp_path / name).write_bytes(body)
        predict(model_folder, tmp_path / name, tmp_path / "out.jsonl", progress=QUIET)
        assert [row["reason"] for row in read(tmp_path / "out.jsonl")] == ["", ""]


@pytest.mark.parametrize(
    ("title", "taken"),
    [("5", "5"), ("true", None), ("[1]", None), ("NaN", None), ('"half \\ud83d"', "half \ufffd")],
)
def test_only_the_text_must_be_right(
    model, model_folder: Path, tmp_path: Path, title: str, taken: str | None
):
    (tmp_path / "in.jsonl").write_text(f'{{"text": "not good", "title": {title}, "x": NaN}}\n')
    predict(model_folder, tmp_path / "in.jsonl", tmp_path / "out.jsonl", progress=QUIET)
    [row] = read(tmp_path / "out.jsonl")
    [answer] = rate(model, prepare([taken], ["not good"], [None], model.detector))
    assert row["probabilities"] == pytest.approx(answer.probabilities, abs=1e-12)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_disk_that_fills_is_one_sentence_and_the_run_goes_on(
    model_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str
):
    source, whole, out = (tmp_path / f"{name}{suffix}" for name in ("in", "whole", "out"))
    source = write_source(tmp_path / "in.jsonl")
    predict(model_folder, source, whole, progress=QUIET)
    words = ["predict", "--model", model_folder, "--in", source, "--out", out]
    with no_file_over(200_000):
        assert main([str(word) for word in words]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be written: File too large; 512 rows are kept, go on with --resume" in said
    assert main([str(word) for word in [*words, "--resume"]]) == 0
    assert out.read_bytes() == whole.read_bytes()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"in.jsonl", whole.name, out.name, "model"}


def test_a_disk_that_fills_only_for_the_table_loses_no_answer(model_folder: Path, tmp_path: Path):
    source, whole, out = write_source(tmp_path / "in.jsonl"), tmp_path / "a.parquet", tmp_path / "b"
    predict(model_folder, source, whole, progress=QUIET)
    out = tmp_path / "folder" / "out.parquet"
    out.parent.mkdir()
    out.mkdir()  # nothing can be written there
    with pytest.raises(OutputError, match="go on with --resume"):
        predict(model_folder, source, out, progress=QUIET)
    out.rmdir()
    predict(model_folder, source, out, resume=True, progress=QUIET)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("place", ["/proc/out.jsonl", "in.jsonl/out.jsonl", "/dev/full/x.jsonl"])
def test_a_place_that_cannot_be_written_is_one_sentence(
    model_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], place: str
):
    source = write_source(tmp_path / "in.jsonl")
    words = ["--model", model_folder, "--in", source, "--out", tmp_path / place]
    assert main(["predict", *map(str, words)]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be written: " in said
    assert "--out" in said


def test_a_folder_on_a_full_disk_keeps_what_is_answered(
    model_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.jsonl").write_text('{"text": "good"}\n')
    write_source(source / "b.jsonl")
    words = ["predict", "--model", str(model_folder), "--in", str(source), "--out", str(out)]
    with no_file_over(200_000):
        assert main(words) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "b.jsonl.jsonl cannot be written: File too large; files that are answered stay" in said
    assert [path.name for path in out.iterdir()] == ["a.jsonl.jsonl"]
    assert main(words) == 0
    assert len(read(out / "b.jsonl.jsonl")) == 1200


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """A disk that is full: no file of this process may have more bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_resume_a_run_starts_anew(model_folder: Path, source: Path, tmp_path: Path):
    out = tmp_path / "out.jsonl"
    out.write_text("something else\n")
    predict(model_folder, source, out, progress=QUIET)
    assert len(read(out)) == 11


def test_packed_lines_and_parquet_come_in_and_out(model_folder: Path, source: Path, tmp_path: Path):
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    predict(model_folder, packed, tmp_path / "out.parquet", progress=QUIET)
    predict(model_folder, source, tmp_path / "out.jsonl", progress=QUIET)
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    lines = read(tmp_path / "out.jsonl")
    assert [row["reason"] for row in table] == [row["reason"] for row in lines]
    assert [row["stars"] for row in table] == [row["stars"] for row in lines]
    assert table[0]["probability_5"] == lines[0]["probabilities"][4]
    assert not list(tmp_path.glob("*.rows.jsonl"))


def test_parquet_of_any_columns_is_read(model_folder: Path, tmp_path: Path):
    import pyarrow as pa

    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["good", None, "<br>bad"], "title": [None, "a", "b"]}), source)
    predict(model_folder, source, tmp_path / "out.jsonl", progress=QUIET)
    reasons = [row["reason"] for row in read(tmp_path / "out.jsonl")]
    assert reasons == ["", "missing_field", ""]


@pytest.mark.parametrize("name", ["absent.jsonl", "broken.parquet", "short.jsonl.gz"])
def test_what_cannot_be_read_at_all_is_said(model_folder: Path, tmp_path: Path, name):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "short.jsonl.gz").write_bytes(gzip.compress(b'{"text": "good"}\n' * 99)[:40])
    with pytest.raises(UnreadableSourceError):
        predict(model_folder, tmp_path / name, tmp_path / "out.jsonl", progress=QUIET)


def test_a_suffix_that_means_nothing_is_refused(model_folder: Path, source: Path, tmp_path: Path):
    with pytest.raises(ConfigurationError, match="suffix"):
        predict(model_folder, source, tmp_path / "out.csv", progress=QUIET)


def test_a_review_s_language_is_told_by_the_model_s_detector(
    model_folder: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def load():
        return lambda samples: [("tlh", 1.0)] * len(samples)

    monkeypatch.setitem(
        language.DETECTORS, "klingon", language.detectors.Detector(load, "none", False)
    )
    manifest = msgspec.json.decode((model_folder / "model.json").read_bytes())
    manifest["detector"] = "klingon"
    manifest["sha256"] = artefact.digest_manifest(manifest)
    (model_folder / "model.json").write_bytes(msgspec.json.encode(manifest))
    predict(model_folder, source, tmp_path / "out.jsonl", progress=QUIET)
    told = {row["language"] for row in read(tmp_path / "out.jsonl") if not row["reason"]}
    assert told == {"tlh", "und", "en"}  # the last stood in a row that was curated already
    model, review = StarModel.load(model_folder), RawReview(GOOD["text"])
    answered = serve.answer(model, serve.InvocationRequest([review]))
    assert answered.ratings[0].language == "tlh"


def test_a_line_of_2018_or_2014_is_read_by_its_own_names(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"overall": 5, "reviewText": "fine", "summary": "Good"}\n'
        b'{"reviewText": "fine", "summary": null}\n'
        b"{'overall': 5.0, 'reviewText': 'fine', 'summary': 'Good'}\n"
        b'{"overall": 5, "summary": "no text"}\n'
    )
    assert list(read_rows(path)) == [
        Raw("Good", "fine"),
        Raw(None, "fine"),
        Raw("Good", "fine"),
        Refused("missing_field", '{"overall": 5, "summary": "no text"}'),
    ]
