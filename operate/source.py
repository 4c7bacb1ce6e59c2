"""The raw file that a run begins with: one that was named, or our own synthetic sample."""

from __future__ import annotations

from pathlib import Path

from operate.errors import InputError
from reviews.errors import UnreadableSourceError
from reviews.file_kind import check_file
from reviews.synthetic import write_sample

SAMPLE_ROWS = 10_000
SAMPLE_SEED = 11
SUFFIXES = (".jsonl", ".jsonl.gz")


def check(data: str) -> Path:
    """The named file, looked at and not touched.

    Raises InputError where it cannot be a file of raw reviews.
    """
    path = Path(data)
    if not path.exists():
        raise InputError(f"{data}: there is no such file; name a .jsonl or .jsonl.gz of reviews")
    if not path.is_file():
        raise InputError(f"{data} is not a file; name a .jsonl or .jsonl.gz of reviews")
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"{data}: expected a name that ends in {' or '.join(SUFFIXES)}")
    try:
        check_file(path)
    except UnreadableSourceError as error:
        raise InputError(str(error)) from None
    return path


def sample(home: Path) -> Path:
    """Our synthetic sample, made below `home`: the same bytes each time."""
    path = home / "sample" / "reviews.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sample(path, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)
    return path
