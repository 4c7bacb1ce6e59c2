"""The file that a run begins with is looked at before anything is changed."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from operate import source
from operate.errors import InputError


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", None, "there is no such file"),
        ("a.csv", b"x", r"expected a name that ends in .jsonl or .jsonl.gz"),
        ("a.jsonl", b"", "is empty: it holds no review"),
        ("a.jsonl.gz", gzip.compress(b""), "is empty: it holds no review"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.jsonl", b'[\n{"rating": 5}\n]\n', "a.jsonl is one JSON array"),
    ],
)
def test_what_cannot_be_reviews_is_refused(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        source.check(str(file))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        source.check(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"{}")
    file.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        source.check(str(file))


@pytest.mark.parametrize("content", [b"{}\n", b"\n{}"])
def test_what_may_be_reviews_is_taken(tmp_path: Path, content: bytes) -> None:
    for name in ("a b é.jsonl", "a.jsonl.gz"):
        file = tmp_path / name
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        assert source.check(str(file)) == file


def test_the_sample_is_the_same_bytes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "SAMPLE_ROWS", 50)
    first = source.sample(tmp_path / "one").read_bytes()
    assert source.sample(tmp_path / "two").read_bytes() == first
    assert gzip.decompress(first).count(b"\n") >= 50
