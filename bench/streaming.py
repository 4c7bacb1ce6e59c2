"""What the streaming mode costs: accuracy on the file itself, memory and speed on a million rows.

python bench/streaming.py [--data FILE] [--rows 1000000] [--noise 0.1] [--out FILE]

FILE is raw, such as ../shared/data/electronics_train_100k.jsonl.gz. More rows are made by
repeating its cleaned reviews, each time with another 10 % of the words left out and a key of its
own; a repeated review keeps its user's bucket, so that no copy of a held-out one is learned from.
Its accuracy says nothing: ten thinned copies are no ten reviews.
Every training is a process of its own: its CPU seconds and its peak memory are the system's. All
else runs apart as well: a child's peak counts from that of the process that started it.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reviews import parquet  # noqa: E402
from reviews.refine import refine_stream  # noqa: E402
from training.data import dataset  # noqa: E402
from training.evaluation import metrics  # noqa: E402
from training.model.star_model import StarModel  # noqa: E402

T = TypeVar("T")
DATA = ROOT.parent / "shared" / "data" / "electronics_train_100k.jsonl.gz"
# Accuracy; peak; rows a CPU second, half of what the form of one pass reached.
MAX_ACCURACY_LOST, MAX_MEGABYTES, MIN_ROWS = 0.003, 700, 5_900


def apart(function: Callable[..., T], *arguments: object) -> T:
    """Call it in a process of its own, so that this one stays small."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def curate(source: Path, folder: Path) -> Path:
    """Raw to curated, in one file."""
    folder.mkdir()
    with gzip.open(source, "rb") as raw, (folder / "0.parquet").open("wb") as file:
        parquet.write(refine_stream(raw), file)
    return folder


def multiply(source: Path, folder: Path, rows: int, noise: float) -> Path:
    """So many rows, the first ones as they are, in files of the source's size."""
    folder.mkdir()
    table = pq.read_table(source / "0.parquet")
    for number, few in enumerate(cuts(table, rows)):
        copy = few if number == 0 else again(few, number, noise)
        pq.write_table(copy, folder / f"{number:03d}.parquet", compression="zstd")
    return folder


def cuts(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    """The table again and again, until there are so many rows."""
    while rows > 0:
        yield table.slice(0, min(rows, len(table)))
        rows -= len(table)


def again(table: pa.Table, number: int, noise: float) -> pa.Table:
    """The same reviews without a share of their words, under other keys."""
    random = np.random.default_rng(number)

    def thinned(text: str) -> str:
        words = text.split(" ")
        kept = random.random(len(words)) >= noise
        return " ".join([w for w, keep in zip(words, kept, strict=True) if keep]) or text

    keys = random.integers(0, 2**64, len(table), np.uint64)
    return table.set_column(
        table.schema.get_field_index("text"),
        table.schema.field("text"),
        pa.array([thinned(t) for t in table["text"].to_pylist()], table.schema.field("text").type),
    ).set_column(
        table.schema.get_field_index("review_key"), table.schema.field("review_key"), pa.array(keys)
    )


def train(data: Path, out: Path, mode: str, seed: int = 0) -> dict[str, float]:
    """CPU seconds and peak memory of one training, and its progress on the way."""
    command = [sys.executable, "-m", "training", "train", "--data", str(data), "--out", str(out)]
    command += ["--mode", mode, "--seed", str(seed)]
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"train --mode {mode} ended with {process.returncode}")
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_megabytes": usage.ru_maxrss / 1024,
        "artefact_megabytes": size / 2**20,
    }


def judge(model: Path, data: Path) -> dict[str, float]:
    """Figures on the hold-out."""
    judged = StarModel.load(model)
    rows = dataset.read(data, judged.languages, range(20))
    p = judged.probabilities(rows.title, rows.text, rows.verified_purchase)
    figures = metrics.headline(rows.rating, judged.decide(p), p)
    return {name: figures[name] for name in (*metrics.HEADLINE, "ece", "majority")}


def verdicts(found: dict[str, dict[str, float]]) -> dict[str, bool]:
    """What was promised, in words, and whether it holds."""
    lost = found["memory"]["accuracy"] - found["streaming"]["accuracy"]
    peak, speed = found["large"]["peak_megabytes"], found["large"]["rows_a_cpu_second"]
    return {
        f"accuracy lost {lost:.4f}, at most {MAX_ACCURACY_LOST}": lost <= MAX_ACCURACY_LOST,
        f"peak {peak:.0f} MB, at most {MAX_MEGABYTES}": peak <= MAX_MEGABYTES,
        f"{speed:.0f} rows a CPU second, at least {MIN_ROWS}": speed >= MIN_ROWS,
    }


def main() -> int:
    """Measure, say, and fail where a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--noise", type=float, default=0.1, help="share of the words left out")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    asked = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with TemporaryDirectory(prefix="bench-streaming-") as place:
        folder = Path(place)
        small = apart(curate, asked.data, folder / "small")
        for mode in ("memory", "streaming"):
            cost = train(small, folder / mode, mode)
            found[mode] = cost | apart(judge, folder / mode, small)
        large = apart(multiply, small, folder / "large", asked.rows, asked.noise)
        found["large"] = train(large, folder / "million", "auto")
        found["large"] |= apart(judge, folder / "million", small)
        found["large"]["rows_a_cpu_second"] = asked.rows / found["large"]["cpu_seconds"]
    checks = verdicts(found)
    print(json.dumps(found, indent=1))
    for words, holds in checks.items():
        print("holds: " if holds else "FAILS: ", words)
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
