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
        ("a.jsonl", b"PK\x03\x04 xl/workbook.xml", "an Excel workbook: save its sheet as CSV"),
        ("a.jsonl", b"", "is empty: it holds no review"),
        ("a.jsonl.gz", gzip.compress(b""), "is empty: it holds no review"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.csv.gz", gzip.compress(gzip.compress(b"x")), "gzip inside gzip: unpack it first"),
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


def test_data_names_one_file_or_several_as_a_shell_does(tmp_path: Path) -> None:
    one, other = tmp_path / "a b.jsonl", tmp_path / "c.jsonl"
    for file in (one, other):
        file.write_bytes(b"{}\n")
    assert source.check_all(str(one)) == [one]
    assert source.check_all(f"'{one}' {other}") == [one, other]
    assert source.split("it's one.jsonl") == ["it's one.jsonl"]
    assert source.split("my file é.jsonl") == ["my file é.jsonl"]  # none of its words is a file
    with pytest.raises(InputError, match=r"two files are called c\.jsonl"):
        source.check_all(f"{other} {other}")
    with pytest.raises(InputError, match=r"absent\.jsonl: there is no such file"):
        source.check_all(f"{other} absent.jsonl")


TABLE = b"Stars,Review\n5,good lamp\n4,fine lamp\n"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_what_the_worker_cannot_read_is_converted_and_said(tmp_path: Path, name: str) -> None:
    file, said = tmp_path / name, list[str]()
    file.write_bytes(gzip.compress(TABLE) if name.endswith(".gz") else TABLE)
    made = source.as_lines(source.check(str(file)), tmp_path / "made", said.append)
    assert made == tmp_path / "made" / f"{name.removesuffix('.gz')}.jsonl.gz"
    assert gzip.decompress(made.read_bytes()).count(b'"rating":') == 2
    assert f"{name} → {made.name}: CSV: comma" in said[0]
    assert "rating = `Stars`, text = `Review`" in said[0]


def test_what_cannot_be_converted_says_why_and_what_takes_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "a b.csv"
    file.write_bytes(b"stars,review,comment\n5,a,b\n")
    with pytest.raises(InputError, match="could each be the text") as raised:
        source.as_lines(file, tmp_path / "made", print)
    assert f"python -m reviews convert '{file}' reviews.jsonl.gz takes --mapping" in str(
        raised.value
    )
    file.write_bytes(b"stars^text\n5^a\n")
    with pytest.raises(InputError, match="its first line has one column"):
        source.as_lines(file, tmp_path / "made", print)


def test_lines_that_the_worker_reads_stay_the_file_that_they_are(tmp_path: Path) -> None:
    file = tmp_path / "2018.json"
    file.write_bytes(b'{"overall": 5, "reviewText": "a"}\n')
    assert source.as_lines(file, tmp_path / "made", print) == file
    assert not (tmp_path / "made").exists()


def test_several_files_become_one_whose_lines_stay_apart(tmp_path: Path) -> None:
    first, second, said = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz", list[str]()
    first.write_bytes(b'{"a": 1}\n{"a": 2}')
    second.write_bytes(gzip.compress(b'{"b": 1}\n'))
    assert source.joined([first], tmp_path / "made", said.append) == first
    made = source.joined([first, second], tmp_path / "made", said.append)
    assert made.name == "a+b.jsonl.gz"
    assert gzip.decompress(made.read_bytes()) == b'{"a": 1}\n{"a": 2}\n{"b": 1}\n'
    assert said == ["a.jsonl, b.jsonl.gz go up as one object, a+b.jsonl.gz"]
    second.write_bytes(second.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"b\.jsonl\.gz: the gzip stream breaks off"):
        source.joined([first, second], tmp_path / "made", said.append)


def test_the_sample_is_the_same_bytes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "SAMPLE_ROWS", 50)
    first = source.sample(tmp_path / "one").read_bytes()
    assert source.sample(tmp_path / "two").read_bytes() == first
    assert gzip.decompress(first).count(b"\n") >= 50
