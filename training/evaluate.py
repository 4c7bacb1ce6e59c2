"""`evaluate`: judge a model on rows that no fit saw, next to the champion, and write it down.

Leaves evaluation.json, report.html, model_card.md, model_card.json, plots/ and a copy of the
model's baseline/.
Nothing here changes the model, and a refused model is no error: the verdict is in the file.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from reviews.identity import HOLD_OUT_BUCKETS
from training import config
from training.data import dataset
from training.data.dataset import Rows
from training.errors import ArtefactError, DatasetError, TrainingError
from training.evaluation import compare, gate, metrics, parity_checks, top_words
from training.model import archive
from training.model.star_model import StarModel
from training.report import model_card, package_card, report

CHUNK_ROWS = 4096  # reviews scored at a time: keeps memory flat and progress alive
LENGTH_EDGES = (100, 300, 1000)  # characters of the cleaned text
LENGTH_NAMES = ("under 100", "100 to 299", "300 to 999", "1000 and more")
VERIFIED = {1: "yes", 0: "no", -1: "unknown"}
SPREAD_METHOD = "standard error, jackknife over the user buckets of the scored rows"


@dataclass(frozen=True)
class Scored:
    """Rows with a model's answers: probabilities (n, 5) and stars (n,)."""

    rows: Rows
    probabilities: NDArray[np.float64]
    stars: NDArray[np.int64]

    def take(self, mask: NDArray[np.bool_]) -> "Scored":
        """The rows that the mask names."""
        return Scored(self.rows.take(mask), self.probabilities[mask], self.stars[mask])


def evaluate(
    model: Path,
    data: Path,
    out: Path,
    champion: Path | None = None,
    all_rows: bool = False,
    *,
    settings: Path | None = None,
    curve: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Judge a model and write everything into `out`; return what evaluation.json holds.

    model, champion: a model's folder, or one that holds `model.tar.gz`; a champion's folder with
    neither means that nothing is in service. data: curated Parquet. settings: another model.yaml,
    for its gate. curve: learning_curve.json to show in the report.
    Raises DatasetError where there is no row to judge by, ArtefactError for an unsound model.
    """
    told_by = dataset.detector(data)
    wanted = config.load(settings)
    gate_settings = gate.GateSettings.from_mapping(wanted.gate)
    buckets = None if all_rows else range(HOLD_OUT_BUCKETS)
    rows, total = dataset.sample(data, wanted.evaluation.max_rows, buckets)
    with archive.opened(model) as folder:
        judged = StarModel.load(folder)
        if judged.detector != told_by:
            raise DatasetError(
                f"the model tells languages by {judged.detector}, these rows were told by "
                f"{told_by}: {dataset.REFINE_AGAIN}"
            )
        say(f"scoring {len(rows):,} of {total:,} rows")
        everything = score(judged, rows, say)
        scored = everything.take(rows.in_languages(judged.languages))
        if not len(scored.rows):
            raise TrainingError("no row of the hold-out is in a language that the model learned")
        figures = assess(everything, scored)
        figures["scope"] = "all rows" if all_rows else "hold-out"
        figures["drawn_from"] = total if total > wanted.evaluation.max_rows else 0
        figures["scorer"] = parity_checks.check(judged, folder, scored.rows, scored.probabilities)
        weights = top_words.gather(judged, scored.rows, scored.stars)
        folds = read_json(folder / "training.json")
        figures["champion"] = against(champion, scored, say)
        copy_baseline(folder, out)  # the first thing written: by now nothing can be refused
    standing = figures["champion"]["metrics"] if figures["champion"] else None
    verdict = gate.judge(figures, gate_settings, standing)
    figures["gate"] = verdict.to_mapping()
    say(verdict.message)
    write(out, figures, judged.version_info, folds, weights, read_json(curve) if curve else {})
    return figures


def score(model: StarModel, rows: Rows, say: Callable[[str], None]) -> Scored:
    """Every row's probabilities and stars, in order."""
    parts = [np.zeros((0, metrics.CLASSES))]
    for start in range(0, len(rows), CHUNK_ROWS):
        end = start + CHUNK_ROWS
        parts.append(model.probabilities(rows.title[start:end], rows.text[start:end]))
        if start and start % (CHUNK_ROWS * 8) == 0:
            say(f"scored {start:,} of {len(rows):,}")
    probabilities = np.concatenate(parts)
    return Scored(rows, probabilities, np.asarray(model.decide(probabilities), np.int64))


def assess(everything: Scored, scored: Scored) -> dict[str, Any]:
    """Figures of the rows in learned languages; the others only count and stand as a slice."""
    rows = scored.rows
    figures = metrics.headline(rows.rating, scored.stars, scored.probabilities)
    figures["spread"] = compare.spreads(
        rows.rating, scored.stars, scored.probabilities, rows.bucket
    )
    figures["spread_method"] = SPREAD_METHOD
    figures["other_languages"] = len(everything.rows) - len(rows)
    figures["slices"] = compare.slices(rows.rating, scored.stars, groups(rows))
    by_length = figures["slices"]["length"]  # has an order of its own
    figures["slices"]["length"] = {n: by_length[n] for n in LENGTH_NAMES if n in by_length}
    language = {"language": everything.rows.language}
    figures["slices"] |= compare.slices(everything.rows.rating, everything.stars, language)
    figures["calibration"] = metrics.calibration(rows.rating, scored.probabilities)
    figures["selective"] = metrics.selective(rows.rating, scored.stars, scored.probabilities)
    return figures


def groups(rows: Rows) -> dict[str, NDArray[np.str_]]:
    """Labels of each row by what slices are made of."""
    length = np.fromiter(map(len, rows.text), np.int64, len(rows))
    return {
        "verified_purchase": np.array([VERIFIED[v] for v in rows.verified_purchase.tolist()]),
        "length": np.array(LENGTH_NAMES)[np.searchsorted(LENGTH_EDGES, length, side="right")],
    }


def against(
    champion: Path | None, scored: Scored, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """The champion's figures on the same rows and the paired comparison; None: there is none.

    It is asked in every language of the challenger, whatever it learned itself.
    Raises ArtefactError for a champion that this program cannot read.
    """
    if champion is None or not archive.is_model(champion):
        return None
    with archive.opened(champion) as folder:
        try:
            model = StarModel.load(folder)
        except ArtefactError as error:  # no model passes unjudged because its rival cannot speak
            raise ArtefactError(
                f"the champion cannot be asked: {error}; to be judged by the gate alone, while "
                "it goes on serving: make learn ALONE=1"
            ) from error
        say("scoring the champion on the same rows")
        theirs = score(model, scored.rows, say)
    truth = scored.rows.rating
    return {
        "metrics": metrics.headline(truth, theirs.stars, theirs.probabilities),
        "provenance": model.version_info.get("provenance", {}),
        **compare.compare(truth, scored.stars, theirs.stars, scored.rows.bucket),
    }


def write(
    out: Path,
    figures: Mapping[str, Any],
    about: Mapping[str, Any],
    folds: Mapping[str, Any],
    weights: Mapping[str, Any],
    curve: Mapping[str, Any],
) -> None:
    """Write evaluation.json last: where it stands, everything stands."""
    out.mkdir(parents=True, exist_ok=True)
    drawn = report.draw(figures, weights, curve)
    plots = out / "plots"
    plots.mkdir(exist_ok=True)
    for name, svg in drawn.items():
        (plots / f"{name}.svg").write_text(svg, encoding="utf-8")
    page = report.html(figures, about, folds, drawn)
    (out / "report.html").write_text(page, encoding="utf-8")
    (out / "model_card.md").write_text(model_card.markdown(figures, about, folds), encoding="utf-8")
    told = msgspec.json.encode(package_card.content(figures, about, folds))
    (out / "model_card.json").write_bytes(told)  # one line: the registry takes no other
    content = msgspec.json.format(msgspec.json.encode(figures), indent=1)
    (out / "evaluation.json").write_bytes(content + b"\n")


def copy_baseline(model: Path, out: Path) -> None:
    """Lay the model's baseline beside its evaluation, where the monitor finds it."""
    if (model / "baseline").is_dir():
        shutil.copytree(model / "baseline", out / "baseline", dirs_exist_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where there is no such file."""
    if not path.is_file():
        return {}
    content: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return content
