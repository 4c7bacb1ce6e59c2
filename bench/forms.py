"""What other forms of the same reviews cost: the schema of 2018, CSV and Parquet."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from isal import igzip

from bench.measure import Cost, environment, measure
from bench.places import ROOT
from bench.speed import ONE_REVIEW, count_lines, figures, opened, ours
from reviews.record import EARLIER_NAMES
from reviews.tables.mapping import FIELDS

ROUNDS = 3
OF_2023, OF_2018, CSV, PARQUET = "refine: 2023", "refine: 2018", "convert: CSV", "convert: Parquet"
CASES = (OF_2023, OF_2018, CSV, PARQUET)


def run(data: Path, work: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure each form. Rounds alternate, and the cheapest counts."""
    whole, one = _made(data, work / "forms"), _made(_one_review(work), work / "form")
    rows = count_lines(whole[OF_2023])
    costs: dict[str, list[Cost]] = {name: [] for name in CASES}
    starts: dict[str, list[Cost]] = {name: [] for name in CASES}
    for turn in range(ROUNDS):
        for name in CASES:
            starts[name].append(measure(_command(name, one[name], work)))
            costs[name].append(cost := measure(_command(name, whole[name], work)))
            log(f"{name}, round {turn + 1}: {cost.cpu_seconds:.2f} CPU s")
    cases = {name: figures(rows, costs[name], starts[name]) for name in CASES}
    lost = 1 - cases[OF_2018]["reviews_per_cpu_second"] / cases[OF_2023]["reviews_per_cpu_second"]
    return {"rows": rows, "cases": cases, "lost_by_2018": round(max(lost, 0.0), 3)}


def _made(data: Path, folder: Path) -> dict[str, Path]:
    """The reviews of a file in each form, made in a process of its own: a child of one that holds
    them would be measured with its memory."""
    command = [sys.executable, "-m", "bench.forms", str(data), str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment())
    return _places(folder)


def _one_review(work: Path) -> Path:
    path = work / "one.jsonl"
    path.write_bytes(ONE_REVIEW + b"\n")
    return path


def _places(folder: Path) -> dict[str, Path]:
    return {
        OF_2023: folder / "of2023.jsonl.gz",
        OF_2018: folder / "of2018.jsonl.gz",
        CSV: folder / "reviews.csv",
        PARQUET: folder / "reviews.parquet",
    }


def _records(lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    """The objects of a file; bad lines are left out."""
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("text"), str):
            yield record


def _command(name: str, source: Path, work: Path) -> list[str | Path]:
    if name in (OF_2023, OF_2018):
        return ours(source, work / "out")
    return [sys.executable, "-m", "reviews", "convert", source, work / "converted.jsonl"]


def write(data: Path, folder: Path) -> None:
    """Write the reviews of a file in each form."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    places = _places(folder)
    with opened(data) as lines:
        records = list(_records(lines))
    _write_lines(places[OF_2023], records)
    _write_lines(places[OF_2018], map(_of_2018, records))
    names = [name for name in FIELDS if name != "images"]
    with places[CSV].open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *([row.get(name) for name in names] for row in records)])
    columns = {name: [row.get(name) for row in records] for name in names}
    pq.write_table(pa.table(columns), places[PARQUET])


def _write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with igzip.open(path, "wb", compresslevel=1) as file:
        for record in records:
            file.write(json.dumps(record).encode() + b"\n")


def _of_2018(record: dict[str, Any]) -> dict[str, Any]:
    """A record as the files of 2018 have it: about every seventh with votes."""
    made = {EARLIER_NAMES.get(name, name): value for name, value in record.items()}
    for name in ("parent_asin", "helpful_vote"):
        made.pop(name, None)
    seconds = (made["unixReviewTime"] or 0) // 1000
    votes = {"vote": f"{seconds % 3000:,}"} if seconds // 86_400 % 7 == 0 else {}
    more = {"reviewTime": "09 16, 2014", "reviewerName": "Some One", "style": {"Color:": " Black"}}
    return made | more | votes | {"unixReviewTime": seconds}


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
