"""What models are worth on short and newer reviews, on older ones, and on some that no model saw.

python bench/short_reviews.py [--model FOLDER ...] [--against FOLDER ...] [--out FILE]

--model: models that learned from the two files of LEARNED, one for each seed; without it two are
trained, in memory. --against: as many others that learned from the same rows, such as those of
another commit: gains are then paired, review by review, and averaged over the models.
Of the files of LEARNED the hold-out is judged, of the others every row.
Then: how many English reviews of one or two words are taken for another language, and how many of
other languages are found.
"""

import argparse
import csv
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.places import REAL  # noqa: E402
from bench.streaming import curate, train  # noqa: E402
from reviews.identity import HOLD_OUT_BUCKETS  # noqa: E402
from reviews.language import UNDETERMINED, detect_many, is_learned  # noqa: E402
from reviews.language.english import UNSPACED  # noqa: E402
from training.data import dataset  # noqa: E402
from training.data.dataset import Rows  # noqa: E402
from training.evaluation import slices  # noqa: E402
from training.evaluation.metrics import HEADLINE, ece, headline  # noqa: E402
from training.evaluation.scoring import Scored, score  # noqa: E402
from training.model.star_model import StarModel  # noqa: E402

LEARNED = ("electronics_train_100k", "modern_short_20k")
UNSEEN = ("drift_tvs_20k", "amazon2023_books_exact_schema")
OTHERS = "marc6_train_74k"  # six languages
ENGLISH = ["en"]
SEEDS = (0, 1)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, nargs="+", default=[])
    parser.add_argument("--against", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, help="JSON file to write")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="bench-short-") as place:
        folder = Path(place)
        data = {name: curate(_raw(name), folder / name) for name in (*LEARNED, *UNSEEN)}
        models = asked.model or list(_train_all(data, folder))
        found: dict[str, Any] = {
            name: _judge(_rows_of(name, path), models, asked.against) for name, path in data.items()
        }
        found["few_words"] = _few_words([dataset.read(path) for path in data.values()])
    text = json.dumps(found, indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n")
    return 0


def _raw(name: str) -> Path:
    return REAL / f"{name}.jsonl.gz"


def _train_all(data: dict[str, Path], folder: Path) -> Iterator[Path]:
    """One model for each seed, of all files of LEARNED together."""
    together = folder / "together"
    together.mkdir()
    for name in LEARNED:
        (together / f"{name}.parquet").symlink_to(data[name] / "0.parquet")
    for seed in SEEDS:
        train(together, folder / f"model-{seed}", "memory", seed)
        yield folder / f"model-{seed}"


def _rows_of(name: str, path: Path) -> Rows:
    return dataset.read(path, ENGLISH, range(HOLD_OUT_BUCKETS) if name in LEARNED else None)


def _judge(rows: Rows, models: Sequence[Path], against: Sequence[Path]) -> dict[str, Any]:
    """Figures of all rows and of each length, mean of the models; their gains over the others."""
    ours, theirs = (
        [score(StarModel.load(folder), rows, lambda _: None) for folder in folders]
        for folders in (models, against)
    )
    lengths = slices.label(rows)["length"]
    groups = {"all": np.ones(len(rows), np.bool_)}
    groups |= {name: lengths == name for name in slices.LENGTHS if name in lengths}
    return {
        name: _figures([s.take(mask) for s in ours], [s.take(mask) for s in theirs])
        for name, mask in groups.items()
    }


def _figures(ours: Sequence[Scored], theirs: Sequence[Scored]) -> dict[str, Any]:
    truth = ours[0].rows.rating
    found = [headline(truth, s.stars) | {"ece": ece(truth, s.probabilities)} for s in ours]
    names = ("majority", *HEADLINE, "ece")
    figures = {n: round(float(np.mean([f[n] for f in found])), 4) for n in names}
    gains: dict[str, Any] = {}
    if theirs:
        differences = {"accuracy": _right, "mae": _error, "log_loss": _log_loss}
        for name, of in differences.items():
            gain = np.mean([of(s) for s in ours], axis=0) - np.mean([of(s) for s in theirs], axis=0)
            spread = gain.std() / len(gain) ** 0.5
            gains[name] = [round(float(gain.mean()), 4), round(float(spread), 4)]
    return {"rows": len(truth), **figures, **({"gain_and_error": gains} if gains else {})}


def _right(scored: Scored) -> Any:
    return (scored.stars == scored.rows.rating).astype(np.float64)


def _error(scored: Scored) -> Any:
    return np.abs(scored.stars - scored.rows.rating).astype(np.float64)


def _log_loss(scored: Scored) -> Any:
    p = scored.probabilities[np.arange(len(scored.rows)), scored.rows.rating - 1]
    return -np.log(np.maximum(p, 1e-9))


def _few_words(parts: Sequence[Rows]) -> dict[str, Any]:
    """Shares of reviews cut to one or two words that are taken for another language than English.

    Of English ones each title and text gives up to four (its first and its last one and two
    words); of the six languages each review gives its first two words.
    """
    english = [
        cut
        for rows in parts
        for title, text, code in zip(rows.title, rows.text, rows.language.tolist(), strict=True)
        if code == "en"
        for words in (title.split(), text.split())
        for cut in {" ".join(w) for w in (words[:1], words[:2], words[-1:], words[-2:])} - {""}
    ]
    refused, all_english = _taken_for_others(english)
    with gzip.open(_raw(OTHERS)) as lines:
        texts = [json.loads(line)["text"] for line in lines]
    with gzip.open(REAL / f"{OTHERS}.labels.csv.gz", "rt") as table:
        languages = [row["lang"] for row in csv.DictReader(table)]
    found = {}
    for language in sorted(set(languages)):
        own = [text for text, code in zip(texts, languages, strict=True) if code == language]
        hits, rows = _taken_for_others([_cut(text) for text in own])
        whole, short = _taken_for_others(own)
        found[language] = {
            "cut": rows,
            "share_found": round(sum(hits.values()) / rows, 4),
            "short_as_written": short,
            "of_these_found": sum(whole.values()),
        }
    share = round(sum(refused.values()) / all_english, 6)
    return {
        "english": {"cut": all_english, "share_refused": share, "such_as": refused.most_common(12)},
        "languages": found,
    }


def _cut(text: str) -> str:
    """The first two words, or three letters where no blanks are written."""
    return text[:3] if UNSPACED.match(text) else " ".join(text.split()[:2])


def _taken_for_others(samples: Sequence[str]) -> tuple[Counter[str], int]:
    """Of the samples that are too short to detect, those of another language; and how many."""
    short = [
        sample
        for sample, (code, _) in zip(samples, detect_many(samples), strict=True)
        if code == UNDETERMINED
    ]
    return Counter(s for s in short if not is_learned(UNDETERMINED, s, ENGLISH)), len(short)


if __name__ == "__main__":
    sys.exit(main())
