"""`predict` over a folder: each file of reviews becomes one of predictions, whole or not at all."""

import tempfile
from pathlib import Path

from training.errors import ConfigurationError, OutputError, UnreadableSourceError
from training.progress import TrainingProgress
from training.serving.predict import predict
from training.serving.tables import SUFFIXES

AGAIN = "files that are answered stay, start it again when that is mended"


def predict_folder(
    model: Path, source: Path, out: Path, *, progress: TrainingProgress | None = None
) -> int:
    """Answer for every row of every file below `source`; returns how many rows there were.

    `a/b.jsonl.gz` becomes `a/b.jsonl.gz.jsonl` below `out`. A file that is there already is left
    alone, so that a run which was stopped can be started again. A file that cannot be read to its
    end is logged, and leaves `NAME.unreadable.txt` with the reason; the others go on.
    Raises ConfigurationError where `source` holds no file that could hold reviews, OutputError
    where an answer cannot be written.
    """
    progress = progress or TrainingProgress()
    files = [path for path in sorted(source.rglob("*")) if path.name.endswith(tuple(SUFFIXES))]
    if not files:
        raise ConfigurationError(f"{source} holds no {', '.join(SUFFIXES)}")
    rows = 0
    for file in files:
        name = str(file.relative_to(source))
        target = out / f"{name}.jsonl"
        if target.exists():
            progress.log(f"{name} was answered before")
            continue
        try:
            rows += _predict_whole(model, file, target, progress)
        except UnreadableSourceError as error:
            target.with_name(f"{file.name}.unreadable.txt").write_text(f"{error}\n")
            progress.log(f"{name} cannot be read: {error}")
        except OSError as error:
            raise OutputError(target, error, AGAIN) from error
    return rows


def _predict_whole(model: Path, file: Path, target: Path, progress: TrainingProgress) -> int:
    """Write beside and rename: what stands under its name is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as part:
        draft = Path(part) / "part.jsonl"
        try:
            rows = predict(model, file, draft, progress=progress)
        except OutputError as error:
            raise error.cause from error  # the draft goes, so that nothing can go on after it
        draft.replace(target)
    return rows
