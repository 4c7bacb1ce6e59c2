"""How well languages are told, on real reviews in six of them, by each detector that is here."""

import csv
import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reviews import language
from reviews.clean import clean
from reviews.errors import ConfigurationError

NAME = "marc6_train_74k"
SHORT_WORDS = 6
SHORT_LETTERS = 12  # of a text without blanks: Japanese and Chinese say six words in about as many


def run(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Tell the languages of all reviews of the file, whole and cut short."""
    source = folder / f"{NAME}.jsonl.gz"
    if not source.is_file():
        return {"skipped": f"{source.name} is not here"}
    with gzip.open(source) as lines:
        reviews = [json.loads(line) for line in lines]
    with gzip.open(folder / f"{NAME}.labels.csv.gz", "rt") as rows:
        truth = np.array([row["lang"] for row in csv.DictReader(rows)])
    whole = [clean(review["title"], review["text"]).sample for review in reviews]
    short = [clean(review["title"], _short(review["text"])).sample for review in reviews]
    found: dict[str, Any] = {"rows": len(reviews)}
    for name in language.DETECTORS:
        try:
            language.identifier(name)
        except ConfigurationError as error:
            found[name] = {"skipped": str(error)}
            continue
        found[name] = {
            "licence": language.DETECTORS[name].licence,
            "full_text": _judge(name, whole, truth),
            "six_words": _judge(name, short, truth),
        }
        say(f"{name}: English recall {found[name]['full_text']['recall']['en']:.4f}")
    return found


def _short(text: str) -> str:
    words = text.split()
    if len(words) < SHORT_WORDS and not text.isascii():
        return text[:SHORT_LETTERS]
    return " ".join(words[:SHORT_WORDS])


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
        "too_short_to_tell": int((told == language.UNTOLD[0]).sum()),
        "texts_per_cpu_second": round(len(samples) / seconds),
    }
