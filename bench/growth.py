"""How ours grows: the same file again and again under other users, so that every row is new."""

from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec
from isal import igzip

from bench.measure import measure
from bench.speed import opened, ours

SIZES = (100_000, 300_000, 600_000, 1_200_000)


def run(data: Path, work: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Refine files of growing size."""
    found = []
    for rows in SIZES:
        path = work / "grown.jsonl.gz"
        _write(path, islice(unique_lines(data), rows))
        cost = measure(ours(path, work / "out"))
        found.append(
            {
                "rows": rows,
                "cpu_seconds": round(cost.cpu_seconds, 2),
                "reviews_per_cpu_second": round(rows / cost.cpu_seconds),
                "peak_megabytes": round(cost.peak_megabytes),
            }
        )
        log(f"ours, {rows:,} rows: {cost.cpu_seconds:.1f} CPU s, {cost.peak_megabytes:.0f} MB")
        path.unlink()
    first, last = found[0], found[-1]
    more = (last["peak_megabytes"] - first["peak_megabytes"]) / (last["rows"] - first["rows"])
    return {"sizes": found, "megabytes_per_million_rows": round(more * 1e6)}


def _write(path: Path, lines: Iterator[bytes]) -> None:
    with igzip.open(path, "wb", compresslevel=1) as file:
        file.writelines(lines)


def unique_lines(data: Path) -> Iterator[bytes]:
    """The file's records without end, each time by other users. Bad lines are left out."""
    for copy in count():
        with opened(data) as lines:
            for line in lines:
                try:
                    record = msgspec.json.decode(line)
                    record["user_id"] = f"{copy} {record['user_id']}"
                except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
                    continue
                yield msgspec.json.encode(record) + b"\n"
