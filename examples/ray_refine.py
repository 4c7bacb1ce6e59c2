"""The same preprocessing under Ray: `reviews` takes a stream and yields batches, so any engine can.

    make ray
    .local/venvs/ray/bin/python -m examples.ray_refine --in FILE... --out DIR [--shard-megabytes N]

A plain .jsonl is cut into byte ranges, which share no line and miss none; a .jsonl.gz is one
shard, since gzip has one beginning. Each shard is one Ray task on one core:

    DIR/reviews/00000.parquet  DIR/rejected/00000.jsonl  DIR/manifest/counts.json

Copies are found within a shard; across shards training drops them by `review_key`, as it does with
the shards of the Distributed Map. On a cluster, `RAY_ADDRESS` names it, and FILE and DIR must be
seen by all its nodes.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from reviews import parquet
from reviews.counts import Counts
from reviews.record import Rejected
from reviews.refine import Refiner

ROOM = Path(__file__).resolve().parent.parent / "reviews"
SHARD_MEGABYTES = 64


@dataclass(frozen=True)
class Shard:
    """A part of a file: the lines that begin in a range of its bytes, or the whole of a gzip."""

    number: int
    source: Path
    start: int = 0
    end: int | None = None


def plan(sources: list[Path], shard_bytes: int) -> Iterator[Shard]:
    """Cut files into shards."""
    number = 0
    for source in sources:
        if source.suffix == ".gz":
            yield Shard(number, source)
            number += 1
            continue
        size = source.stat().st_size
        for start in range(0, size, shard_bytes):
            yield Shard(number, source, start, min(size, start + shard_bytes))
            number += 1


def refine_shard(shard: Shard, out: Path) -> dict[str, Any]:
    """Refine one shard into its own files; the same shard always makes the same bytes."""
    with (
        shard.source.open("rb") as raw,
        (out / "rejected" / f"{shard.number:05}.jsonl").open("wb") as rejected,
        (out / "reviews" / f"{shard.number:05}.parquet").open("w+b") as table,
    ):

        def keep_reason(line: Rejected) -> None:
            rejected.write(line.to_json())

        refiner = Refiner(on_reject=keep_reason)
        if shard.end is None:
            rows = refiner.stream(raw)
        else:
            rows = refiner.range(lambda at: _from(raw, at), shard.start, shard.end)
        parquet.write(rows, table)
    return refiner.counts.to_dict()


def _from(raw: BinaryIO, offset: int) -> BinaryIO:
    raw.seek(offset)
    return raw


def main() -> None:
    """Start Ray, or join the cluster that RAY_ADDRESS names, and refine all shards."""
    asked = _parser().parse_args()
    for name in ("reviews", "rejected", "manifest"):
        (asked.out / name).mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    alone = {"_node_ip_address": "127.0.0.1"} if "RAY_ADDRESS" not in os.environ else {}
    ray.init(
        runtime_env={"py_modules": [str(ROOM)]},  # every node gets our room
        include_dashboard=False,
        logging_level="warning",
        **alone,
    )
    task = ray.remote(num_cpus=1, max_retries=3)(refine_shard)
    shards = list(plan(asked.sources, asked.shard_megabytes * 1_000_000))
    total = Counts()
    waiting = [task.remote(shard, asked.out.resolve()) for shard in shards]
    while waiting:
        done, waiting = ray.wait(waiting)
        for counts in ray.get(done):
            total += Counts.from_dict(counts)
        print(f"{len(shards) - len(waiting)} of {len(shards)} shards, {total.read:,} read")
    ray.shutdown()
    total.check()
    content = {**total.to_dict(), "shards": len(shards)}
    (asked.out / "manifest" / "counts.json").write_text(json.dumps(content, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.ray_refine")
    parser.add_argument("--in", dest="sources", nargs="+", type=_source, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shard-megabytes", type=int, default=SHARD_MEGABYTES)
    return parser


def _source(name: str) -> Path:
    path = Path(name).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{name}: there is no such file")
    return path


if __name__ == "__main__":
    main()
