"""Refines raw files on a disk into a folder.

OUT/reviews/00000.parquet    the rows of the first file; of one that is refused as a whole (another
                             scale, another encoding) `00000.parquet.refused`, which nothing reads
OUT/rejected/00000.jsonl     its rejected lines
OUT/manifest/counts.json     what became of every line; written last, so the rest is whole
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from reviews import parquet
from reviews.counts import Counts
from reviews.errors import ConfigurationError, UnreadableSourceError
from reviews.file_kind import HEAD_BYTES, check_head, describe_fields
from reviews.record import Rejected
from reviews.refine import DEFAULT, Options, Refiner
from reviews.source import Stream

SUFFIXES = (".jsonl", ".jsonl.gz", ".json.gz")  # the last: as the sets of 2018 and 2014 are named
REMEDY = "get the whole file again, as lines of JSON, plain or gzip"
REFUSED = ".refused"
OUTPUTS = {"reviews": "*.parquet*", "rejected": "*.jsonl", "manifest": "counts.json"}

OnProgress = Callable[[int, Counts], None]  # bytes of the files and lines, so far


@dataclass(frozen=True, slots=True)
class RefineOutcome:
    """The result of a run. unreadable: files that are not whole, or no reviews, and why."""

    counts: Counts
    unreadable: dict[str, str] = field(default_factory=dict)

    def save(self, out: Path, seconds: float) -> None:
        """Write counts.json."""
        content = {**self.counts.to_dict(), "unreadable": self.unreadable, "seconds": seconds}
        text = msgspec.json.format(msgspec.json.encode(content), indent=1)
        (out / "manifest" / "counts.json").write_bytes(text + b"\n")


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and of folders those in them that end in one of SUFFIXES, by name.

    Raises UnreadableSourceError for a file that cannot be opened, and a folder that holds none.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.endswith(SUFFIXES))
            if not inside:
                raise UnreadableSourceError(
                    f"{path} holds no file that ends in {' or '.join(SUFFIXES)}"
                )
            found += inside
        else:
            found.append(path)
    for path in found:
        if path.is_fifo():  # opened twice, it would have lost what wrote to it
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            raise UnreadableSourceError(f"{path} cannot be opened: {error.strerror}") from None
    return found


def refine_files(
    sources: Sequence[Path],
    out: Path,
    *,
    options: Options = DEFAULT,
    on_progress: OnProgress = lambda done, counts: None,
) -> RefineOutcome:
    """Refine files as one: a row that stood in an earlier one is a duplicate.

    What an earlier run left in `out` is removed first. A file that breaks off leaves the rows
    before that place, and does not stop the others.
    """
    _clear(out, sources)
    run = _Run(out, options, on_progress)
    for number, source in enumerate(sources):
        run.refine(number, source)
    run.refiner.counts.check()
    return RefineOutcome(run.refiner.counts, run.unreadable)


class _Run:
    """Refines one file after another, each into files of its own."""

    def __init__(self, out: Path, options: Options, on_progress: OnProgress) -> None:
        self.refiner = Refiner(options, self._reject)
        self.unreadable: dict[str, str] = {}
        self._out = out
        self._on_progress = on_progress
        self._done = 0

    def refine(self, number: int, source: Path) -> None:
        """Refine one file, if it may hold reviews; note why it does not, or not to its end."""
        before = Counts.from_dict(self.refiner.counts.to_dict())
        self._first_rejected = b""
        try:
            with source.open("rb") as raw:
                head = _read(raw, HEAD_BYTES + 1)
                check_head(head[:HEAD_BYTES], "this", is_whole=len(head) <= HEAD_BYTES)
                self._refine(number, head, raw)
        except UnreadableSourceError as error:
            self.unreadable[str(source)] = str(error)
            return
        counts = self.refiner.counts.since(before)
        if fault := counts.fault():
            names = describe_fields(self._first_rejected)
            self.unreadable[str(source)] = f"{fault}; {names}" if names else fault
            rows = self._rows(number)
            rows.rename(rows.with_name(f"{rows.name}{REFUSED}"))

    def _refine(self, number: int, head: bytes, raw: BinaryIO) -> None:
        """Refine one file. head: what was read of it already: a pipe gives nothing twice."""
        with (
            self._rows(number).open("w+b") as table,
            (self._out / "rejected" / f"{number:05}.jsonl").open("wb") as self._rejected,
        ):

            def read_from(start: int) -> Stream:
                raw.seek(start)
                return raw

            try:
                watched = _Watched(head, raw, self._on_bytes)
                again = read_from if raw.seekable() else None
                parquet.write(self.refiner.stream(watched, again), table)
            except UnreadableSourceError as error:
                raise UnreadableSourceError(f"{error}; {REMEDY}") from None

    def _rows(self, number: int) -> Path:
        return self._out / "reviews" / f"{number:05}.parquet"

    def _reject(self, line: Rejected) -> None:
        self._first_rejected = self._first_rejected or line.line
        self._rejected.write(line.to_json())

    def _on_bytes(self, size_bytes: int) -> None:
        self._done += size_bytes
        self._on_progress(self._done, self.refiner.counts)


class _Watched:
    """A stream that reports how many bytes were read from it."""

    def __init__(self, head: bytes, stream: Stream, on_read: Callable[[int], None]) -> None:
        self._head = head
        self._stream = stream
        self._on_read = on_read

    def read(self, size: int, /) -> bytes:
        data = self._head[:size] or _read(self._stream, size)
        self._head = self._head[size:]
        self._on_read(len(data))
        return data


def _read(stream: Stream, size: int) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise UnreadableSourceError(f"cannot be read any further: {error.strerror}") from None


def _clear(out: Path, sources: Sequence[Path]) -> None:
    """Make the folders, and remove what an earlier run left there."""
    earlier = {path for name, pattern in OUTPUTS.items() for path in (out / name).glob(pattern)}
    if own := {path.resolve() for path in earlier}.intersection(p.resolve() for p in sources):
        raise ConfigurationError(f"{min(own)} is to be read, and would be overwritten by --out")
    for path in earlier:
        path.unlink()
    for name in OUTPUTS:
        (out / name).mkdir(parents=True, exist_ok=True)
