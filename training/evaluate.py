"""`evaluate`: judge a model on rows that no fit saw, next to the champion, and write it down.

Leaves evaluation.json, report.html, model_card.md, model_card.json, plots/ and a copy of the
model's baseline/.
Nothing here changes the model, and a refused model is no error: the verdict is in the file.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from reviews.identity import HOLD_OUT_BUCKETS
from training import config
from training.data import dataset
from training.data.dataset import Rows
from training.errors import DatasetError, TrainingError
from training.evaluation import behaviour, compare, gate, metrics, parity_checks, slices
from training.evaluation.champion import Standing, compare_with_champion
from training.evaluation.evaluation import Evaluation, ParityChecks, write_evaluation
from training.evaluation.scoring import Scored, score
from training.evaluation.top_words import TopWord, find_top_words
from training.model import archive
from training.model.star_model import StarModel
from training.report import model_card, package_card, report

SPREAD_METHOD = "standard error, jackknife over the user buckets of the scored rows"


@dataclass(frozen=True)
class Sample:
    """Rows to judge by. drawn_from: see `dataset.sample`. scope: `hold-out` or `all rows`."""

    rows: Rows
    drawn_from: int
    scope: str


@dataclass(frozen=True)
class Reported:
    """What the report shows beside the evaluation: model.json, training.json and two more."""

    manifest: Mapping[str, Any]
    training: Mapping[str, Any]
    top_words: Mapping[str, Sequence[TopWord]]
    curve: Mapping[str, Any]


def evaluate(
    model: Path,
    data: Path,
    out: Path,
    champion: Path | None = None,
    all_rows: bool = False,
    *,
    settings: Path | None = None,
    curve: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Judge a model, write everything into `out`, and return what evaluation.json holds.

    model, champion: a model's folder, or one that holds `model.tar.gz`; a champion's folder with
    neither means that nothing is in service. data: curated Parquet. settings: another model.yaml,
    for its gate. curve: learning_curve.json to show in the report.
    Raises DatasetError where there is no row to judge by, ArtefactError for an unsound model.
    """
    wanted = config.load(settings)
    gate_settings = gate.GateSettings.from_mapping(wanted.gate)
    sample = _read_sample(data, wanted.evaluation.max_rows, all_rows)
    with archive.opened(model) as folder:
        judged = StarModel.load(folder)
        _check_detector(judged, dataset.detector(data))
        drawn = f", drawn from {sample.drawn_from:,}" if sample.drawn_from else ""
        log(f"scoring {len(sample.rows):,} rows{drawn}")
        everything = score(judged, sample.rows, log)
        scored = everything.take(sample.rows.in_languages(judged.languages))
        if not len(scored.rows):
            raise TrainingError("no row of the hold-out is in a language that the model learned")
        parity = parity_checks.check(judged, folder, scored.rows, scored.probabilities)
        words = find_top_words(judged, scored.rows, scored.stars)
        training = read_json(folder / "training.json")
        standing = compare_with_champion(champion, scored, gate_settings.behaviour, log)
        copy_baseline(folder, out)  # the first thing written: by now nothing can be refused
    found = _conclude(judged, sample, everything, scored, standing, parity, gate_settings)
    log(found.gate.message)
    about = Reported(judged.version_info, training, words, read_json(curve) if curve else {})
    write(out, found, about)
    return found


def _conclude(
    judged: StarModel,
    sample: Sample,
    everything: Scored,
    scored: Scored,
    standing: Standing | None,
    parity: ParityChecks,
    settings: gate.GateSettings,
) -> Evaluation:
    """Everything that evaluation.json says. scored: of everything, the learned languages."""
    figures, in_service = scored.metrics(), standing.champion if standing else None
    of_slices = slices.of_rows(scored, standing.stars if standing else None)
    learned = judged.languages
    others = everything.take(~sample.rows.in_languages(learned))
    behaves = behaviour.describe(judged, settings.behaviour, standing.behaviour if standing else {})
    return Evaluation(
        **structs.asdict(figures),
        **describe_rows(scored),
        scope=sample.scope,
        drawn_from=sample.drawn_from,
        other_languages=len(others.rows),
        slices=slices.with_other_languages(of_slices, others, learned),
        slice_method=slices.METHOD,
        behaviour=behaves,
        parity_checks=parity,
        champion=in_service,
        gate=gate.judge(
            figures, settings, in_service.metrics if in_service else None, of_slices, behaves
        ),
        provenance=judged.version_info.get("provenance", {}),
    )


def _read_sample(data: Path, max_rows: int, all_rows: bool) -> Sample:
    buckets = None if all_rows else range(HOLD_OUT_BUCKETS)
    rows, drawn_from = dataset.sample(data, max_rows, buckets)
    return Sample(rows, drawn_from, "all rows" if all_rows else "hold-out")


def _check_detector(model: StarModel, detector: str) -> None:
    if model.detector != detector:
        raise DatasetError(
            f"the model tells languages by {model.detector}, these rows were told by "
            f"{detector}: {dataset.REFINE_AGAIN}"
        )


def describe_rows(scored: Scored) -> dict[str, Any]:
    """What evaluation.json says beside the figures."""
    rows, stars, probabilities = scored.rows, scored.stars, scored.probabilities
    return {
        "spread": compare.spreads(rows.rating, stars, probabilities, rows.bucket),
        "spread_method": SPREAD_METHOD,
        "calibration": metrics.calibration(rows.rating, probabilities),
        "selective": metrics.selective(rows.rating, stars, probabilities),
    }


def write(out: Path, evaluation: Evaluation, about: Reported) -> None:
    """Write evaluation.json last: where it stands, everything stands."""
    out.mkdir(parents=True, exist_ok=True)
    drawn = report.draw(evaluation, about.top_words, about.curve)
    plots = out / "plots"
    plots.mkdir(exist_ok=True)
    for name, svg in drawn.items():
        (plots / f"{name}.svg").write_text(svg, encoding="utf-8")
    page = report.html(evaluation, about.manifest, about.training, drawn)
    (out / "report.html").write_text(page, encoding="utf-8")
    card = model_card.markdown(evaluation, about.manifest, about.training)
    (out / "model_card.md").write_text(card, encoding="utf-8")
    content = package_card.content(evaluation, about.manifest, about.training)
    one_line = msgspec.json.encode(content)  # the registry takes no other
    (out / "model_card.json").write_bytes(one_line)
    write_evaluation(out, evaluation)


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
