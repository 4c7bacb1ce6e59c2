"""Files that no model can come of: a sentence, an exit code, and nothing left running."""

from __future__ import annotations

import gzip
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, operate, our_processes

pytestmark = pytest.mark.e2e
SECONDS = 240


def run(home: Path, data: Path) -> tuple[int, str]:
    """`make run ONCE=1 DATA=data`: exit code and all words."""
    words = operate("run", "--once", "--home", str(home), "--data", str(data))
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


def sample(file: Path, rows: int) -> bytes:
    words = ["-m", "reviews", "sample", "--rows", str(rows), "--seed", "3", "--out", str(file)]
    subprocess.run([operate()[0], *words], cwd=ROOT, check=True, timeout=60)
    return file.read_bytes()


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    code, said = run(tmp_path, tmp_path / "nowhere.jsonl")
    assert code == 2
    assert "nowhere.jsonl: there is no such file" in said


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.jsonl.gz"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(b"") if name.endswith(".gz") else b"")
    code, said = run(tmp_path, file)
    assert code == 2
    assert "is empty: it holds no review" in said


def test_a_gzip_that_breaks_off_says_where_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl.gz"
    whole = sample(file, 1000)
    file.write_bytes(whole[: len(whole) // 2])
    code, said = run(tmp_path / "home", file)
    assert code == 1
    assert "the gzip stream breaks off" in said
    assert "upload the whole file again" in said
    assert our_processes(tmp_path / "home") == []


def test_five_rows_are_too_few_and_say_how_many_are_needed(tmp_path: Path) -> None:
    file = tmp_path / "five.jsonl"
    file.write_bytes(b"\n".join(sample(file, 50).splitlines()[:5]) + b"\n")
    code, said = run(tmp_path / "home", file)
    assert code == 1
    assert "too few rows" in said
    assert "at least 300 are needed" in said
    assert our_processes(tmp_path / "home") == []
