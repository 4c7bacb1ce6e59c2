"""`predict`: one prediction a row, file to file, in constant memory.

What is raw is cleaned as the endpoint would; what is curated is not cleaned again. A row that
cannot be read stays in its place, with its reason. Lines are written as they come, so a run that
was stopped can go on (`resume`); a Parquet file is made from those lines at the end.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec

from monitoring.observations import ModelObservation
from reviews.clean import is_empty
from reviews.language import find_detector
from training.errors import ConfigurationError, OutputError, UnreadableSourceError
from training.model.answer import Prepared, Rating, prepare, rate
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.serving.tables import Raw, Refused, Row, read_rows, suffix_of, write_table

BATCH_ROWS = 512  # also where a stopped run may go on: see `_keep`
SAY_EVERY = 100_000  # rows

WRITABLE = "name a place that can be written to, by --out"


class Prediction(msgspec.Struct, frozen=True):
    """One line of the output. reason: empty, or why the row could not be read."""

    row: int
    stars: int | None = None
    expected_stars: float | None = None
    probabilities: list[float] | None = None
    confidence: float | None = None
    language: str | None = None
    supported: bool | None = None
    known_words: int | None = None
    reason: str = ""
    raw: str | None = None  # an unreadable row as it came; base64 where it is no UTF-8


_lines = msgspec.json.Decoder(Prediction)


@dataclass
class WrittenRows:
    """Where a run writes, and how many rows are there so far, of them readable ones."""

    lines: Path
    observations: Path | None
    rows: int = 0
    readable: int = 0


def predict(
    model: Path,
    source: Path,
    out: Path,
    observations: Path | None = None,
    *,
    resume: bool = False,
    progress: TrainingProgress | None = None,
) -> int:
    """Answer for every row of `source`, and return how many there are.

    source: JSONL (also .gz) or Parquet, raw or curated. out: JSONL or Parquet, by suffix.
    observations: JSONL of what the endpoint would have left for each readable row.
    Raises UnreadableSourceError where the source cannot be read at all, or not to its end,
    ConfigurationError where the model's language detector is not installed, OutputError where the
    answers cannot be written; what is written stays, and `resume` goes on after it.
    """
    progress = progress or TrainingProgress()
    kind = suffix_of(out)
    if kind == "jsonl.gz":
        raise ConfigurationError("predictions are written as .jsonl or .parquet")
    stars = StarModel.load(model)
    find_detector(stars.detector)
    rows = read_rows(source)  # says at once whether it can be read
    lines = out if kind == "jsonl" else out.with_name(out.name + ".rows.jsonl")
    done = WrittenRows(lines, observations)
    try:
        _answer_rows(stars, rows, done, resume, progress)
        if lines is not out:
            write_table(lines, out)
            lines.unlink()
    except OSError as error:
        remedy = f"{done.rows:,} rows are kept, go on with --resume" if done.rows else WRITABLE
        raise OutputError(error.filename or out, error, remedy) from error
    progress.finish(f"{done.rows:,} rows, {done.rows - done.readable:,} of them unreadable")
    return done.rows


def _answer_rows(
    model: StarModel,
    rows: Iterator[Row],
    done: WrittenRows,
    resume: bool,
    progress: TrainingProgress,
) -> None:
    for path in filter(None, (done.lines, done.observations)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if resume:
        _keep(done)
        if done.rows:
            progress.log(f"going on after {done.rows:,} rows")
    with ExitStack() as files:
        mode = "ab" if resume else "wb"
        answers = files.enter_context(done.lines.open(mode))
        seen = files.enter_context(done.observations.open(mode)) if done.observations else None
        _run(model, rows, done, answers, seen, progress)


def _run(
    model: StarModel,
    rows: Iterator[Row],
    done: WrittenRows,
    answers: IO[bytes],
    seen: IO[bytes] | None,
    progress: TrainingProgress,
) -> None:
    skipped = sum(1 for _ in islice(rows, done.rows))
    if skipped < done.rows:
        raise UnreadableSourceError("more rows were written than the source has")
    while batch := list(islice(rows, BATCH_ROWS)):
        _write(model, _resolve(batch, model.detector), done, answers, seen)
        if done.rows % SAY_EVERY < BATCH_ROWS:
            progress.log(f"{done.rows:,} rows")


def _resolve(batch: list[Row], detector: str) -> list[Prepared | Refused]:
    """Clean what is raw; what then holds nothing to judge is refused."""
    raw = [row for row in batch if isinstance(row, Raw)]
    cleaned = iter(
        prepare(
            [row.title for row in raw],
            [row.text for row in raw],
            [row.verified for row in raw],
            detector,
        )
    )
    resolved: list[Prepared | Refused] = []
    for row in batch:
        review = next(cleaned) if isinstance(row, Raw) else row
        if isinstance(review, Prepared) and not isinstance(row, Refused) and is_empty(review.text):
            review = Refused("no_text", row.text)
        resolved.append(review)
    return resolved


def _write(
    model: StarModel,
    batch: list[Prepared | Refused],
    done: WrittenRows,
    answers: IO[bytes],
    seen: IO[bytes] | None,
) -> None:
    ratings = rate(model, [row for row in batch if isinstance(row, Prepared)])
    if seen:  # first: `_keep` cuts off those whose predictions never came
        seen.write(_encode([rating.observation for rating in ratings]))
        seen.flush()
    ready = iter(ratings)
    answers.write(
        _encode(
            [
                Prediction(done.rows + i, reason=row.reason, raw=row.raw)
                if isinstance(row, Refused)
                else _prediction(done.rows + i, next(ready))
                for i, row in enumerate(batch)
            ]
        )
    )
    answers.flush()
    done.rows += len(batch)
    done.readable += len(ratings)


def _prediction(row: int, rating: Rating) -> Prediction:
    return Prediction(
        row,
        rating.stars,
        rating.expected_stars,
        rating.probabilities,
        rating.confidence,
        rating.language,
        rating.supported,
        rating.known_words,
    )


def _encode(records: Sequence[Prediction | ModelObservation]) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def _keep(done: WrittenRows) -> None:
    """Count the whole batches that stand in both files, and cut the files behind them.

    A batch that was written in part is answered anew: on some processors a row's last bit depends
    on the rows beside it, so batches begin at the same rows wherever a run was cut.
    """
    with ExitStack() as files:
        answers = files.enter_context(_open_to_cut(done.lines))
        kept = done.observations
        seen = files.enter_context(_open_to_cut(kept)) if kept else None
        size = seen_size = 0
        while batch := _whole_lines(answers, BATCH_ROWS):
            readable = sum(not _lines.decode(line).reason for line in batch)
            observed = _whole_lines(seen, readable) if seen and readable else []
            if seen and len(observed) < readable:
                break
            size += sum(map(len, batch))
            seen_size += sum(map(len, observed))
            done.rows += BATCH_ROWS
            done.readable += readable
        answers.truncate(size)
        if seen:
            seen.truncate(seen_size)


def _open_to_cut(path: Path) -> IO[bytes]:
    path.touch()
    return path.open("rb+")


def _whole_lines(file: IO[bytes], count: int) -> list[bytes]:
    """The next `count` lines, or none where there are fewer or the last one breaks off."""
    lines = list(islice(file, count))
    return lines if len(lines) == count and lines[-1].endswith(b"\n") else []
