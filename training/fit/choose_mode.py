"""Where the rows of a training run are kept: in memory, or on disk where they would not fit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.config import ModelConfig
from training.data import dataset, parquet_footer
from training.errors import TrainingError
from training.fit.in_memory import InMemoryTrainingSet
from training.fit.streaming import open_streaming
from training.fit.training_set import TrainingSet
from training.progress import TrainingProgress

GIGABYTE = 1e9
# What training in memory held at most above 0.35 GB, of 10,000, 40,000 and 100,000 reviews:
# 13 to 15 times their words.
BYTES_A_BYTE = 15.0
BYTES_A_ROW = 500.0  # strings and columns of a row without words


@contextmanager
def load_training_set(
    data: Path, config: ModelConfig, progress: TrainingProgress
) -> Iterator[TrainingSet]:
    """Load the rows below `data` and choose their vocabulary, in the mode that suits them.

    Raises TrainingError where no model can come of the rows, or where they are too many for the
    family.
    """
    bytes_needed = estimate_bytes(data)
    estimate = f"the rows would take about {bytes_needed / GIGABYTE:.1f} GB in memory"
    limit = config.streaming.memory_gigabytes
    is_too_much = bytes_needed > limit * GIGABYTE
    configured = "" if config.mode == "auto" else " (as configured)"
    if config.mode == "memory" or (config.mode == "auto" and not is_too_much):
        progress.log(f"{estimate}: learning in memory{configured}")
        yield InMemoryTrainingSet(data, config, progress)
        return
    if config.family == "plain":
        raise TrainingError(f"{estimate}: the plain family cannot stream; use views")
    more = f", more than {limit:g}" if is_too_much else ""
    progress.log(f"{estimate}{more}: streaming, hashed n-grams{configured}")
    with open_streaming(data, config, progress) as training_set:
        yield training_set


def estimate_bytes(data: Path) -> float:
    """What training in memory would take, from the footers of the Parquet files alone."""
    footers = [parquet_footer.read(path) for path in dataset.files(data)]
    text = sum(f.column_bytes.get(name, 0) for f in footers for name in ("title", "text"))
    return BYTES_A_BYTE * text + BYTES_A_ROW * sum(f.rows for f in footers)
