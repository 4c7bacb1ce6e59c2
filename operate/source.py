"""The raw file that a run begins with: one that was named, or our own synthetic sample."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from operate.errors import InputError
from reviews.synthetic import write_sample

SAMPLE_ROWS = 8_000
SAMPLE_SEED = 7
SUFFIXES = (".jsonl", ".jsonl.gz")


def choose(data: str | None, home: Path) -> Path:
    """The file to upload; without `data` the sample is made, the same bytes each time.

    Raises InputError where the named file cannot be a file of raw reviews.
    """
    if data is None:
        path = home / "sample" / "reviews.jsonl.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sample(path, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)
        return path
    path = Path(data)
    if not path.exists():
        raise InputError(
            f"DATA={data}: there is no such file; name a .jsonl or .jsonl.gz of reviews"
        )
    if not path.is_file():
        raise InputError(f"DATA={data} is not a file; name a .jsonl or .jsonl.gz of reviews")
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"DATA={data}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if path.stat().st_size == 0 or _begins_empty(path):
        raise InputError(f"DATA={data} is empty: it holds no review; name another file")
    return path


def _begins_empty(path: Path) -> bool:
    """Whether a gzip file holds nothing; damage further on is for preprocessing to say."""
    if not path.name.endswith(".gz"):
        return False
    try:
        with gzip.open(path) as stream:
            return stream.read(1) == b""
    except (OSError, EOFError, zlib.error):
        return False
