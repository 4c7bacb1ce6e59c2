"""`python -m bench [--data FILE] [--only NAME...] [--out FILE]`: measure, write, print.

Parts: speed (ours against its peers), growth (to 1.2 million rows), worker (the Lambda functions,
within their limits), language (on six languages), forms (the schema of 2018, CSV, Parquet). With
--only the others stay as they were.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import forms, growth, languages, speed, table, worker
from bench.measure import machine
from bench.places import REAL, ROOT, WORK
from reviews.synthetic import write_sample

DEFAULT_DATA = REAL / "electronics_train_100k.jsonl.gz"
SAMPLE_ROWS, SAMPLE_SEED = 100_000, 7

Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts and return the exit status."""
    asked = _parser().parse_args(arguments)
    if asked.data is not None and not asked.data.is_file():
        print(f"{asked.data}: there is no such file", file=sys.stderr)
        return 2
    if sys.platform != "linux":
        print("bench reads /proc to follow whole trees of processes: Linux only", file=sys.stderr)
        return 2
    WORK.mkdir(parents=True, exist_ok=True)
    data, words = _data(asked.data)
    log(f"data: {words}")
    results: dict[str, Any] = {"machine": machine(), "data": words}
    if asked.only and asked.out.exists():
        results = json.loads(asked.out.read_text())
    parts = {
        "speed": lambda: speed.run(data, WORK, log),
        "growth": lambda: growth.run(data, WORK, log),
        "worker": lambda: worker.run(data, WORK, log),
        "language": lambda: languages.run(REAL, log),
        "forms": lambda: forms.run(data, WORK, log),
    }
    for name in asked.only or parts:
        results[name] = parts[name]()
    results["targets"] = table.targets(results)
    asked.out.write_text(json.dumps(results, indent=1) + "\n")
    print(table.render(results))
    return 0


def log(words: str) -> None:
    """Tell a person how far it is."""
    print(words, flush=True)


def _data(named: Path | None) -> tuple[Path, str]:
    """-> (the file to measure with, what it is)."""
    if named is not None:
        return named, named.name
    if DEFAULT_DATA.is_file():
        return DEFAULT_DATA, f"{DEFAULT_DATA.name}: real reviews"
    sample = WORK / "sample.jsonl.gz"
    write_sample(sample, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)
    return sample, (
        f"{SAMPLE_ROWS:,} made-up reviews (seed {SAMPLE_SEED}), because {DEFAULT_DATA.name} is "
        "not here: figures are not comparable with those of real ones"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, metavar="FILE", help="raw reviews, .jsonl or .gz")
    parts = ["speed", "growth", "worker", "language", "forms"]
    parser.add_argument("--only", nargs="+", choices=parts)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
