"""The raw file that a run begins with: one that was named, or our own synthetic sample."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from operate.errors import InputError
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
        is_empty = _begins_empty(path)
    except PermissionError:
        raise InputError(f"{data} cannot be read: this user has no right to") from None
    if is_empty:
        raise InputError(f"{data} is empty: it holds no review; name another file")
    return path


def sample(home: Path) -> Path:
    """Our synthetic sample, made below `home`: the same bytes each time."""
    path = home / "sample" / "reviews.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sample(path, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)
    return path


def _begins_empty(path: Path) -> bool:
    """Whether a file holds nothing, unpacked; damage further on is for preprocessing to say."""
    if not path.name.endswith(".gz"):
        with path.open("rb") as plain:
            return plain.read(1) == b""
    try:
        with gzip.open(path) as stream:
            return stream.read(1) == b""
    except PermissionError:
        raise
    except (OSError, EOFError, zlib.error):
        return False
