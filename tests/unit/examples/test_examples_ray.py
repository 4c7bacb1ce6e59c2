"""The shard function of `reviews` under another engine: the same rows, whoever runs it."""

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from examples.ray_refine import Shard, plan, refine_shard
from reviews.counts import Counts
from reviews.files import refine_files
from reviews.synthetic import write_sample

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".local" / "venvs" / "ray" / "bin" / "python"
ROWS = 2000


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    write_sample(folder / "plain.jsonl", rows=ROWS, seed=6)
    write_sample(folder / "zipped.jsonl.gz", rows=ROWS, seed=7)
    return folder


def keys(folder):
    return set(pq.read_table(folder / "reviews")["review_key"].to_pylist())


def check_same(raw, out, counts):
    """One run over both files and all shards together made the same rows."""
    whole = refine_files(sorted(raw.iterdir()), out.parent / "whole").counts
    assert counts.adds_up()
    assert keys(out) == keys(out.parent / "whole")
    assert (counts.read, counts.rejected) == (whole.read, whole.rejected)
    # Copies that stand in different shards are kept, and are dropped by their key when training.
    assert counts.kept + counts.duplicates == whole.kept + whole.duplicates
    assert counts.kept >= whole.kept


def test_plain_files_are_cut_into_ranges_and_gzip_is_not(raw):
    size = (raw / "plain.jsonl").stat().st_size
    shards = list(plan(sorted(raw.iterdir()), size // 3 + 1))
    assert [shard.number for shard in shards] == [0, 1, 2, 3]
    assert (shards[0].start, shards[2].end) == (0, size)
    assert shards[3] == Shard(3, raw / "zipped.jsonl.gz")


def test_shards_together_are_the_whole(raw, tmp_path):
    out = tmp_path / "out"
    for name in ("reviews", "rejected"):
        (out / name).mkdir(parents=True)
    total = Counts()
    for shard in plan(sorted(raw.iterdir()), 500_000):
        total += Counts.from_dict(refine_shard(shard, out))
    check_same(raw, out, total)


@pytest.mark.slow
def test_ray_makes_the_same_rows(raw, tmp_path):
    if not PYTHON.is_file():
        pytest.skip("Ray is not installed: see examples/ray_refine.py")
    out = tmp_path / "out"
    command = [str(PYTHON), "-m", "examples.ray_refine", "--in"]
    command += [str(path) for path in sorted(raw.iterdir())]
    command += ["--out", str(out), "--shard-megabytes", "1"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads((out / "manifest" / "counts.json").read_bytes())
    assert counts["shards"] >= 3
    check_same(raw, out, Counts.from_dict(counts))
