"""The Preprocess functions within Lambda's limits: their package, one core, the largest shard.

Raw objects come from an S3 on this machine, in a process that is not counted. Every row is new: the
file's records again and again, each time under other users.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
from isal import igzip

from bench import storage
from bench.growth import unique_lines
from bench.measure import machine, measure
from bench.places import EMULATOR_PYTHON, ROOT
from infra.packaging import build
from lambdas.contract.keys import INCOMING
from lambdas.ports import objects
from lambdas.preprocess import shards
from lambdas.preprocess.source import RawSource
from lambdas.settings import PreprocessSettings
from reviews import language
from reviews.schema import OPTIONAL_COLUMNS

PACKAGE = build.folder("local") / "preprocess"
FUNCTION = ROOT / "bench" / "function.py"
STAGE = ROOT / "configs" / "prod.yaml"
RAW, CURATED = "raw", "curated"
GZIP_BYTES = 600_000_000  # after decompression, of the .gz that is cut up: more than two shards
SHORT_TEXT = 24  # characters

Line = Callable[[dict[str, Any]], bytes]


@dataclass(frozen=True)
class Case:
    """A shard of one kind. line: of a record. keep: columns besides the default ones."""

    name: str
    line: Line
    keep: str = ""


def _short(record: dict[str, Any]) -> bytes:
    text = record["text"][:SHORT_TEXT]
    return msgspec.json.encode({"rating": 5, "text": text, "user_id": record["user_id"]})


CASES = (
    Case("reviews as they are", msgspec.json.encode),
    Case("all columns kept", msgspec.json.encode, ",".join(sorted(OPTIONAL_COLUMNS))),
    Case("short reviews", _short),
    Case("all rejected", lambda record: msgspec.json.encode({**record, "rating": None})),
    Case("nothing but zeros", lambda record: bytes(len(record["text"]))),  # six bytes each, aside
)


def run(data: Path, work: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Measure a worker on each kind of shard, then plan on a large .gz."""
    if not EMULATOR_PYTHON.exists():
        return {"skipped": "no emulator to be an S3: run `make cloud`"}
    subprocess.run(
        [sys.executable, "-m", "infra.packaging.build", "--stage", "local"], check=True, cwd=ROOT
    )
    shard_bytes = msgspec.yaml.decode(STAGE.read_bytes())["data"]["max_shard_bytes"]
    result: dict[str, Any] = {
        "machine": machine(),
        "data": data.name,
        "shard_bytes": shard_bytes,
        "shards": {},
    }
    with storage.running(work / "s3.log") as address:
        os.environ |= storage.variables(address)
        storage.make_buckets(RAW, CURATED)
        for case in CASES:
            found = _worker(case, data, work, shard_bytes)
            result["shards"][case.name] = found
            log(f"worker, {case.name}: {_words(found)}")
        result["plan"] = found = _plan(data, work, shard_bytes)
        log(f"plan, {found['gzip_bytes'] / 1e6:.0f} MB of gzip: {_words(found)}")
    return result


def _worker(case: Case, data: Path, work: Path, shard_bytes: int) -> dict[str, Any]:
    """A shard in the middle of a file: begins inside a line, and ends inside one."""
    path = work / "shard.jsonl"
    first = shard_bytes // 100
    with path.open("wb") as file:
        rows = _write(file, _lines(data, case.line), shard_bytes + 2 * first)
    key = f"{INCOMING}{case.name}.jsonl"
    _upload(path, key)
    source = RawSource(RAW, key)
    shard = shards.of_ranges(source, first + shard_bytes, first + shard_bytes)[0]
    event = msgspec.to_builtins(msgspec.structs.replace(shard, start=first))
    found = _call("worker", event, work, shard_bytes, case.keep)
    return {"rows": found.pop("answer")["read"], **found, "file_rows": rows}


def _plan(data: Path, work: Path, shard_bytes: int) -> dict[str, Any]:
    path = work / "large.jsonl.gz"
    with igzip.open(path, "wb", compresslevel=3) as file:
        _write(file, _lines(data, msgspec.json.encode), GZIP_BYTES)
    size = path.stat().st_size
    key = f"{INCOMING}large.jsonl.gz"
    _upload(path, key)
    found = _call("plan", {"bucket": RAW, "key": key}, work, shard_bytes)
    count = found.pop("answer")["shard_count"]
    rate = round(size / found["cpu_seconds"])
    return {"gzip_bytes": size, "parts": count, "gzip_bytes_per_cpu_second": rate, **found}


def _lines(data: Path, line: Line) -> Iterator[bytes]:
    for record in map(msgspec.json.decode, unique_lines(data)):
        yield line(record) + b"\n"


def _write(file: IO[bytes], lines: Iterator[bytes], size_bytes: int) -> int:
    """Lines until there are so many bytes; -> how many lines."""
    rows = written = 0
    while written < size_bytes:
        some = list(islice(lines, 10_000))
        file.write(joined := b"".join(some))
        rows, written = rows + len(some), written + len(joined)
    return rows


def _upload(path: Path, key: str) -> None:
    with path.open("rb") as file:
        objects.put_whole(RAW, key, file)
    path.unlink()


def _call(
    name: str, event: dict[str, Any], work: Path, shard_bytes: int, keep: str = ""
) -> dict[str, Any]:
    folder, out = work / "tmp", work / "told.json"
    folder.mkdir(exist_ok=True)
    settings = PreprocessSettings(
        stage="prod",
        curated_bucket=CURATED,
        max_shard_bytes=shard_bytes,
        languages="en",
        detector=language.DEFAULT,
        code_version="bench",
        keep_columns=keep,
    )
    disk = Disk(folder)
    handler = f"lambdas.preprocess.{name}.handler"
    cost = measure(
        [sys.executable, "-I", "-S", FUNCTION, PACKAGE, handler, json.dumps(event), out],
        more={**settings.to_env(), "TMPDIR": str(folder)},
        look=disk.look,
    )
    told = json.loads(out.read_text())
    return {
        "import_seconds": round(told["import_seconds"], 2),
        "import_cpu_seconds": round(told["import_cpu_seconds"], 2),
        "wall_seconds": round(told["wall_seconds"], 1),
        "cpu_seconds": round(told["cpu_seconds"], 1),
        "whole_cpu_seconds": round(cost.cpu_seconds, 1),
        "peak_megabytes": round(told["peak_megabytes"]),
        "disk_megabytes": round(disk.peak_bytes / 2**20),
        "answer": told["answer"],
    }


class Disk:
    """The most that open files of some processes held in a folder, files without a name too."""

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}/"
        self.peak_bytes = 0

    def look(self, pids: list[int]) -> None:
        """Add up, now."""
        held = [size for pid in pids for size in self._sizes(pid)]
        self.peak_bytes = max(self.peak_bytes, sum(held))

    def _sizes(self, pid: int) -> Iterator[int]:
        try:
            for open_file in Path(f"/proc/{pid}/fd").iterdir():
                if str(open_file.readlink()).startswith(self._folder):
                    yield open_file.stat().st_size
        except OSError:  # it has just ended, or closed the file
            return


def _words(found: dict[str, Any]) -> str:
    return (
        f"{found['cpu_seconds']:.1f} CPU s, {found['peak_megabytes']} MB, "
        f"{found['disk_megabytes']} MB on disk"
    )
