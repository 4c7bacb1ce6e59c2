"""pandas: the whole file in a frame, functions applied to its columns, one language a row.

python -m bench.peers.frame SOURCE OUT fasttext|langdetect
"""

import gzip
import json
import sys
import zlib
from pathlib import Path

import pandas as pd

from bench.peers.detectors import DETECTORS
from bench.peers.rules import sample, tidy, visible

KEYS = ["user_id", "asin", "rating", "title", "text"]


def readable(source: str) -> pd.DataFrame:
    """The rows of a file; line by line where pandas gives up at a bad one."""
    try:
        return pd.read_json(source, lines=True, dtype=False)
    except ValueError:
        rows = []
        with gzip.open(source) as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                    if isinstance(row["text"], str) and row["rating"] in (1, 2, 3, 4, 5):
                        rows.append(row)
                except (ValueError, TypeError, KeyError):
                    continue
        return pd.DataFrame(rows)


def main(source: str, out: str, detector: str) -> None:
    """Refine one file."""
    detect = DETECTORS[detector]()
    frame = readable(source)
    frame["title"] = frame["title"].fillna("")
    frame["language"] = [
        detect(sample(title, text))
        for title, text in zip(frame["title"], frame["text"], strict=True)
    ]
    frame["title"] = frame["title"].map(visible).map(tidy)
    frame["text"] = frame["text"].map(visible).map(tidy)
    frame = frame[frame["text"] != ""].drop_duplicates(KEYS)
    users = frame["user_id"].fillna("").where(frame["user_id"].notna(), frame["text"])
    frame["bucket"] = users.map(lambda user: zlib.crc32(user.encode()) % 100)
    kept = ["rating", "title", "text", "verified_purchase", "helpful_vote", "language", "bucket"]
    Path(out).mkdir(parents=True, exist_ok=True)
    frame[kept].to_parquet(Path(out) / "rows.parquet", compression="zstd")
    print(len(frame))


main(*sys.argv[1:])
