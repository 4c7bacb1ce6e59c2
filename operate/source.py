"""The raw files that a run begins with: those that were named, or our own synthetic sample.

A table (CSV, TSV, Parquet), JSON that is no JSON Lines, and names of other data sets are converted
first: the worker reads JSON Lines alone.
"""

from __future__ import annotations

import gzip
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from operate.errors import InputError
from reviews.errors import ReviewStarsError, UnreadableSourceError
from reviews.file_kind import kind_of_file
from reviews.source import plain_pieces
from reviews.synthetic import write_sample
from reviews.tables.convert import convert_file, needs_conversion

SAMPLE_ROWS = 10_000
SAMPLE_SEED = 11
CONVERTED = "converted"  # below the home of the local cloud
GZIP_LEVEL = 1

Log = Callable[[str], None]


def split(data: str) -> list[str]:
    """The files that DATA names: one, or several as a shell would take them apart."""
    if Path(data).exists():
        return [data]
    try:
        names = shlex.split(data)
    except ValueError:  # a lone quote
        return [data]
    # Where none is there, it is one mistyped path with blanks, and is named as it was typed.
    return names if len(names) > 1 and any(Path(name).exists() for name in names) else [data]


def check(data: str) -> Path:
    """The named file, looked at and not touched.

    Raises InputError where it cannot be a file of reviews.
    """
    path = Path(data)
    if not path.exists():
        raise InputError(f"{data}: there is no such file; name a file of reviews")
    if not path.is_file():
        raise InputError(f"{data} is not a file; name a file of reviews")
    try:
        kind = kind_of_file(path)
    except UnreadableSourceError as error:
        raise InputError(str(error)) from None
    if kind and kind.form is None:
        raise InputError(f"{path} is {kind.description}: {kind.remedy}")
    return path


def check_all(data: str) -> list[Path]:
    """Each file that DATA names; see `check`. Two of one name would be one object."""
    paths = [check(name) for name in split(data)]
    names = [path.name for path in paths]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise InputError(f"two files are called {twice}: give one of them another name")
    return paths


def as_lines(path: Path, folder: Path, log: Log) -> Path:
    """The file itself where the worker reads it as it is, else what was made of it in `folder`.

    Raises InputError where it cannot be converted.
    """
    out = folder / f"{path.name.removesuffix('.gz')}.jsonl.gz"
    try:
        if not needs_conversion(path):
            return path
        made = convert_file(path, out)
    except ReviewStarsError as error:
        raise InputError(
            f"{error}\n(python -m reviews convert {shlex.quote(str(path))} reviews.jsonl.gz takes "
            "--mapping, --separator and --encoding)"
        ) from None
    for line in made.lines():
        log(f"{path.name} → {out.name}: {line}")
    return out


def joined(paths: Sequence[Path], folder: Path, log: Log) -> Path:
    """One file of the lines of all: as one object they become one dataset, and one model's rows."""
    if len(paths) == 1:
        return paths[0]
    folder.mkdir(parents=True, exist_ok=True)
    stem = "+".join(path.name.partition(".")[0] for path in paths)[:100]
    out = folder / f"{stem}.jsonl.gz"
    with gzip.open(out, "wb", GZIP_LEVEL) as file:
        for path in paths:
            last = b"\n"
            for piece in _pieces(path):
                file.write(piece)
                last = piece[-1:] or last
            if last != b"\n":
                file.write(b"\n")
    log(f"{', '.join(path.name for path in paths)} go up as one object, {out.name}")
    return out


def _pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, decompressed. Raises InputError with its path where it is damaged."""
    try:
        with path.open("rb") as file:
            yield from plain_pieces(file)
    except UnreadableSourceError as error:
        raise InputError(f"{path}: {error}") from None


def sample(home: Path) -> Path:
    """Our synthetic sample, made below `home`: the same bytes each time."""
    path = home / "sample" / "reviews.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sample(path, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)
    return path
