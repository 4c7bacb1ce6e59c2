"""How well languages are told, on real reviews in six of them, by each detector that is here."""

import csv
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.places import PEER_PYTHON, ROOT
from reviews import language
from reviews.clean import clean
from reviews.errors import ConfigurationError
from reviews.language.english import UNSPACED

NAME = "marc6_train_74k"
SHORT_WORDS = 6
SHORT_LETTERS = 12  # of a text without blanks: Japanese and Chinese say six words in about as many


def run(folder: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Tell the languages of all reviews of the file, whole and cut short."""
    if not (folder / f"{NAME}.jsonl.gz").is_file():
        return {"skipped": f"{NAME}.jsonl.gz is not here"}
    found: dict[str, Any] = {}
    for name, detector in language.DETECTORS.items():
        try:
            language.identifier(name)
            judged = judge(name, folder)
        except ConfigurationError:  # its package is not ours, but a peer's
            command = [str(PEER_PYTHON), "-m", "bench.languages", name, str(folder)]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            judged = json.loads(done.stdout)
        found[name] = {"licence": detector.licence, **judged}
        log(f"{name}: English recall {judged['full_text']['recall']['en']:.4f}")
    return found


def judge(name: str, folder: Path) -> dict[str, Any]:
    """How well one detector does."""
    with gzip.open(folder / f"{NAME}.jsonl.gz") as lines:
        reviews = [json.loads(line) for line in lines]
    with gzip.open(folder / f"{NAME}.labels.csv.gz", "rt") as rows:
        truth = np.array([row["lang"] for row in csv.DictReader(rows)])
    whole = [clean(review["title"], review["text"]).sample for review in reviews]
    short = [clean(review["title"], _short(review["text"])).sample for review in reviews]
    return {
        "rows": len(reviews),
        "full_text": _judge(name, whole, truth),
        "six_words": _judge(name, short, truth),
    }


def _short(text: str) -> str:
    if UNSPACED.search(text):
        return text[:SHORT_LETTERS]
    return " ".join(text.split()[:SHORT_WORDS])


def _judge(name: str, samples: Sequence[str], truth: Any) -> dict[str, Any]:
    start = time.process_time()
    told = np.array([code for code, _ in language.detect_many(samples, name)])
    seconds = time.process_time() - start
    foreign = truth != "en"
    leaks = int(((told == "en") & foreign).sum())
    return {
        "recall": {
            code: round(float((told == truth)[truth == code].mean()), 5)
            for code in sorted(set(truth.tolist()))
        },
        "others_called_english": leaks,
        "others_called_english_share": round(leaks / int(foreign.sum()), 6),
        "too_short_to_tell": int((told == language.UNDETERMINED).sum()),
        "texts_per_cpu_second": round(len(samples) / seconds),
    }


if __name__ == "__main__":
    print(json.dumps(judge(sys.argv[1], Path(sys.argv[2]))))
