"""Ours and its peers on one file: reviews a CPU second, and memory."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bench.measure import Cost, environment, measure
from bench.places import PEER_PYTHON, ROOT

# One doubtful text, so that the detector is loaded: what a start costs.
ONE_REVIEW = msgspec.json.encode(
    {
        "rating": 5.0,
        "title": "Gut",
        "text": "Das Produkt ist leider nach zwei Wochen kaputt gegangen",
        "images": [],
        "asin": "B0",
        "parent_asin": "B0",
        "user_id": "A",
        "timestamp": 0,
        "helpful_vote": 0,
        "verified_purchase": True,
    }
)


@dataclass(frozen=True)
class Contender:
    """A way to refine a file. rows: how many of the file it is given; None: all."""

    name: str
    command: Callable[[Path, Path], list[str | Path]]
    rounds: int = 1
    rows: int | None = None


def peer(name: str, *words: str) -> Callable[[Path, Path], list[str | Path]]:
    """The command of a module in `peers`."""
    module = f"bench.peers.{name}"
    return lambda source, out: [PEER_PYTHON, "-m", module, source, out, *words]


def ours(source: Path, out: Path) -> list[str | Path]:
    """Our command."""
    return [sys.executable, "-m", "reviews", "refine", "--in", source, "--out", out]


# Rounds alternate, and the cheapest counts: other work on the machine only ever adds.
CONTENDERS = (
    Contender("ours", ours, rounds=3),
    Contender("plain loop", peer("loop"), rounds=3),
    Contender("pandas + fastText", peer("frame", "fasttext")),
    Contender("PySpark rows + fastText", peer("spark", "fasttext"), rounds=2),
    Contender("pandas + langdetect", peer("frame", "langdetect"), rows=5_000),
)


def run(data: Path, work: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure all contenders."""
    one = work / "one.jsonl.gz"
    one.write_bytes(gzip.compress(ONE_REVIEW, mtime=0))
    measure(ours(one, work / "out"))  # leaves the byte code that later starts find
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in CONTENDERS}
    starts: dict[str, list[Cost]] = {contender.name: [] for contender in CONTENDERS}
    for turn in range(max(contender.rounds for contender in CONTENDERS)):
        for contender in CONTENDERS:
            if turn < contender.rounds:
                out = work / contender.name.replace(" ", "_")
                starts[contender.name].append(measure(contender.command(one, out)))
                cost = measure(contender.command(_first(data, contender.rows, work), out))
                costs[contender.name].append(cost)
                log(f"{contender.name}, round {turn + 1}: {cost.cpu_seconds:.2f} CPU s")
    rows = count_lines(data)
    measured = {
        contender.name: figures(
            min(contender.rows or rows, rows), costs[contender.name], starts[contender.name]
        )
        for contender in CONTENDERS
    }
    return {"rows": rows, "contenders": measured, "language_share": _language_share(data)}


def count_lines(data: Path) -> int:
    """Lines of a file, gzip or plain."""
    with opened(data) as lines:
        return sum(1 for _ in lines)


def opened(data: Path) -> Any:
    """A raw file's lines, by its name."""
    return gzip.open(data) if data.name.endswith(".gz") else data.open("rb")


def _first(data: Path, rows: int | None, work: Path) -> Path:
    if rows is None:
        return data
    some = work / f"first_{rows}.jsonl.gz"
    with opened(data) as lines, gzip.open(some, "wb", compresslevel=6) as file:
        file.writelines(islice(lines, rows))
    return some


def figures(rows: int, costs: list[Cost], starts: list[Cost]) -> dict[str, Any]:
    """What one way costs: the cheapest of its rounds, with its start-up and without."""
    cpu = min(cost.cpu_seconds for cost in costs)
    start = min(cost.cpu_seconds for cost in starts)
    return {
        "rows": rows,
        "rounds_cpu_seconds": [round(cost.cpu_seconds, 2) for cost in costs],
        "cpu_seconds": round(cpu, 2),
        "startup_cpu_seconds": round(start, 2),
        "reviews_per_cpu_second": round(rows / cpu),
        "reviews_per_cpu_second_startup_apart": round(rows / (cpu - start)),
        "peak_megabytes": round(max(cost.peak_megabytes for cost in costs)),
    }


def _language_share(data: Path) -> float:
    """The share of CPU time, start-up apart, in which languages are told."""
    command = [sys.executable, "-m", "bench.inside", str(data)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment()
    )
    spent = json.loads(done.stdout)
    return round(float(spent["language_cpu_seconds"]) / float(spent["cpu_seconds"]), 3)
